import type { Arguments } from "../../core/arguments.ts";
import { type Context, defineModule, field, flag, list } from "../../core/module.ts";
import { DECLINED, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";

const contexts: readonly Context[] = ["http", "server", "location"];

/** nginx's ngx_http_mirror_module. */
export const mirror = defineModule({
  name: "mirror",
  directives: {
    mirror: list<string>({ contexts, syntax: "uri | off", read: readTarget }),
    mirror_request_body: flag({ contexts, default: true }),
  },
  fields: {
    /** Without "off". */
    targets: field<readonly string[]>([]),
  },
  enabled: (conf) => conf.targets.length > 0,
  prepare(conf) {
    conf.targets = conf.mirror.filter((uri) => uri !== "off");
  },
  hooks: {
    precontent(request, { targets, mirror_request_body }): Verdict | Promise<Verdict> {
      if (request !== request.main) return DECLINED;
      if (!mirror_request_body || !request.body.exists) return send(request, targets, undefined);
      return request.body.bytes().then((body) => send(request, targets, body));
    },
  },
});

function readTarget(args: Arguments): string {
  const uri = args.text(0);
  const others = (args.level.own(mirror, "mirror") ?? []) as readonly string[];
  if (others.length > 0 && (uri === "off" || others.includes("off")))
    throw args.wrong(0, '"mirror" directive is duplicate');
  return uri;
}

/** What comes back is of no interest, but the request is not over before it is there. */
function send(request: Request, targets: readonly string[], body: Uint8Array | undefined): Verdict {
  const args = request.hasArgs ? request.args : undefined;
  for (const uri of targets)
    request.waitFor(
      request
        .subrequest({ uri, args, method: request.method, body, headerOnly: true })
        .catch((error: unknown) => request.log("error", `mirror to "${uri}" failed: ${(error as Error).message}`)),
    );
  return DECLINED;
}
