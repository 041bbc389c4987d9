import type { Arguments } from "../../core/arguments.ts";
import type { ComplexValue } from "../../core/complex.ts";
import { accepted, type Context, defineModule, field, flag, list, text, value } from "../../core/module.ts";
import { compilePattern } from "../../core/pattern.ts";
import type { Pattern } from "../../core/plan.ts";
import type { Request } from "../../core/request.ts";
import { requestSlot } from "../../core/slot.ts";
import { resolver } from "../resolver/resolver.ts";
import type { Upstream } from "../upstream/group.ts";
import { constantGroup, groupFor } from "../upstream/groups.ts";
import { passDirectives, type PassConf, passFields, preparePass } from "../upstream/pass_conf.ts";
import { passFastcgi } from "./pass.ts";

const contexts: readonly Context[] = ["http", "server", "location"];

/** One `fastcgi_param`. */
export interface Param {
  readonly name: string;
  readonly value: ComplexValue;
  readonly ifNotEmpty: boolean;
}

type Target = (request: Request) => Upstream | undefined;

/** What the hooks of this module see. */
export interface FastcgiConf extends PassConf {
  readonly fastcgi_pass: Target | undefined;
  readonly fastcgi_param: readonly Param[];
  readonly fastcgi_index: string;
  readonly fastcgi_split_path_info: Pattern | undefined;
  readonly fastcgi_keep_conn: boolean;
  readonly fastcgi_catch_stderr: readonly string[];
  /** Names of parameters that the client's header does not make. */
  readonly written: ReadonlySet<string>;
}

const alwaysHidden = [
  "status",
  "x-accel-expires",
  "x-accel-redirect",
  "x-accel-limit-rate",
  "x-accel-buffering",
  "x-accel-charset",
];

// Only a request of HTTP can be asked another way than it came.
const { fastcgi_cache_convert_head: _, ...common } = passDirectives("fastcgi");

/** nginx's ngx_http_fastcgi_module. */
export const fastcgi = defineModule({
  name: "fastcgi",
  directives: {
    ...common,
    fastcgi_pass: value<Target | undefined>({
      contexts: ["location", "if in location"],
      default: undefined,
      merge: "conditional",
      syntax: "address",
      read: readTarget,
    }),
    fastcgi_param: list<Param>({ contexts, args: [2, 3], syntax: "parameter value [if_not_empty]", read: readParam }),
    fastcgi_index: text({ contexts, default: "" }),
    fastcgi_split_path_info: value<Pattern | undefined>({
      contexts: ["location"],
      default: undefined,
      syntax: "regex",
      read: (args) => compilePattern(args, args.text(0), args.words[0]!.place),
    }),
    fastcgi_keep_conn: flag({ contexts, default: false }),
    fastcgi_catch_stderr: list<string>({ contexts, syntax: "string", read: (args) => args.text(0) }),
    fastcgi_limit_rate: accepted({ contexts, why: "answers are passed on as they come, at the client's pace" }),
  },
  fields: {
    ...passFields(),
    written: field<ReadonlySet<string>>(new Set()),
  },
  variables: {
    fastcgi_script_name: (request) => scriptOf(request).name,
    fastcgi_path_info: (request) => scriptOf(request).pathInfo,
  },
  addsSlash: true,
  handler: (conf) => (conf.fastcgi_pass ? passFastcgi : undefined),
  prepare(conf) {
    conf.cacheConvertHead = false;
    preparePass(conf, "fastcgi", alwaysHidden);
    conf.written = new Set(conf.fastcgi_param.map(({ name }) => name));
  },
});

function readTarget(args: Arguments): Target {
  const address = args.complex(0);
  if (address.constant !== undefined) return constantGroup(args, address.constant, 0);
  return (request) => {
    const host = address.evaluate(request);
    const group = groupFor(args.cycle, host, 0, resolver.of(request).resolver);
    if (!group) request.log("error", `no port in upstream "${host}"`);
    return group;
  };
}

function readParam(args: Arguments): Param {
  if (args.has(2)) args.choice(2, ["if_not_empty"]);
  return { name: args.text(0), value: args.complex(1), ifNotEmpty: args.has(2) };
}

interface Script {
  readonly name: string;
  readonly pathInfo: string;
}

const script = requestSlot<{ readonly uri: string } & Script>();

/** Which script the URI names, and what follows it there. */
function scriptOf(request: Request): Script {
  const known = request.get(script);
  const { uri } = request;
  if (known?.uri === uri) return known;
  const conf = fastcgi.of(request);
  const split = conf.fastcgi_split_path_info?.match(uri, undefined);
  const name = split ? (split[1] ?? "") : uri;
  const found = { uri, name: name.endsWith("/") ? name + conf.fastcgi_index : name, pathInfo: split?.[2] ?? "" };
  request.set(script, found);
  return found;
}
