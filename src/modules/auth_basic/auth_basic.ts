import type { Arguments } from "../../core/arguments.ts";
import { type ComplexValue, constantValue } from "../../core/complex.ts";
import { type Context, defineModule, value } from "../../core/module.ts";
import { DECLINED, OK, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { describeErrno } from "../../std/errno.ts";
import { usersOf } from "./user_file.ts";
import { verify } from "./verify.ts";

const contexts: readonly Context[] = ["http", "server", "location", "limit_except"];

/** nginx's ngx_http_auth_basic_module. */
export const authBasic = defineModule({
  name: "auth_basic",
  directives: {
    auth_basic: value<ComplexValue>({
      contexts,
      syntax: "string | off",
      default: constantValue("off"),
      read: (args) => args.complex(0),
    }),
    auth_basic_user_file: value<ComplexValue | undefined>({
      contexts,
      syntax: "file",
      default: undefined,
      read: readUserFile,
    }),
  },
  enabled: (conf) => conf.auth_basic.constant !== "off" && conf.auth_basic_user_file !== undefined,
  hooks: {
    access(request, conf) {
      const realm = conf.auth_basic.evaluate(request);
      return realm === "off" ? DECLINED : check(request, realm, conf.auth_basic_user_file!.evaluate(request));
    },
  },
});

/** A relative name starts where the configuration file is. */
function readUserFile(args: Arguments): ComplexValue {
  const file = args.complex(0);
  const absolute = (path: string): string => (path.startsWith("/") ? path : args.cycle.confPrefix + path);
  if (file.constant !== undefined) return constantValue(absolute(file.constant));
  return { ...file, evaluate: (request) => absolute(file.evaluate(request)) };
}

function check(request: Request, realm: string, file: string): Verdict | Promise<Verdict> {
  const given = credentialsOf(request);
  if (!given) {
    request.log("info", "no user/password was provided for basic authentication");
    return demand(request, realm);
  }
  let entry: string | undefined;
  try {
    entry = usersOf(file).get(given.user);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    request.log(missing ? "error" : "crit", `open() "${file}" failed (${describeErrno(error)})`);
    return missing ? 403 : 500;
  }
  if (entry === undefined) {
    request.log("error", `user "${given.user}" was not found in "${file}"`);
    return demand(request, realm);
  }
  const result = verify(given.password, entry);
  if (typeof result === "object") return result.then((late) => answer(request, realm, given.user, late));
  return answer(request, realm, given.user, result);
}

function answer(request: Request, realm: string, user: string, right: boolean): Verdict {
  if (right) return OK;
  request.log("error", `user "${user}": password mismatch`);
  return demand(request, realm);
}

function demand(request: Request, realm: string): Verdict {
  // A realm with variables may carry what a client sent: it must not end the header's line.
  request.response.headers.set("WWW-Authenticate", `Basic realm="${realm.replace(/[\0-\x1f\x7f]/g, "")}"`);
  return 401;
}

/** @see RFC 7617, section 2 */
function credentialsOf(request: Request): { user: string; password: string } | undefined {
  const match = /^basic +([A-Za-z0-9+/]+)={0,2}$/i.exec(request.header("authorization") ?? "");
  if (!match || match[1]!.length % 4 === 1) return undefined;
  const pair = Buffer.from(match[1]!, "base64").toString("latin1");
  const colon = pair.indexOf(":");
  return colon > 0 ? { user: pair.slice(0, colon), password: pair.slice(colon + 1) } : undefined;
}
