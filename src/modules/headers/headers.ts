import type { Arguments } from "../../core/arguments.ts";
import type { ComplexValue } from "../../core/complex.ts";
import { isSafeField } from "../../core/header_list.ts";
import { choice, type Context, defineModule, field, list, value } from "../../core/module.ts";
import { DECLINED, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import type { ResponseHead } from "../../core/response_head.ts";
import { parseHttpTime } from "../../std/clock.ts";
import { applyExpires, type Expires, parseExpires } from "./expires.ts";

const contexts: readonly Context[] = ["http", "server", "location", "if in location"];
const inheritance = ["on", "off", "merge"] as const;

/** One `add_header` or `add_trailer`. */
interface Addition {
  readonly name: string;
  readonly value: ComplexValue;
  /** Whatever the status; otherwise only with those that `isUsual` names. */
  readonly always: boolean;
  readonly apply: (response: ResponseHead, name: string, value: string) => void;
}

/** An `expires` whose text holds variables has to be read for each request. */
type ExpiresRule = Expires | { readonly kind: "computed"; readonly text: ComplexValue; readonly modified: boolean };

/** nginx's ngx_http_headers_module. */
export const headers = defineModule({
  name: "headers",
  directives: {
    add_header: list<Addition>({
      contexts,
      args: [2, 3],
      syntax: "name value [always]",
      merge: "none",
      read: readHeader,
    }),
    add_trailer: list<Addition>({
      contexts,
      args: [2, 3],
      syntax: "name value [always]",
      merge: "none",
      read: readAddition,
    }),
    add_header_inherit: choice({ contexts, default: "on", of: inheritance }),
    add_trailer_inherit: choice({ contexts, default: "on", of: inheritance }),
    expires: value<ExpiresRule>({
      contexts,
      default: { kind: "off" },
      args: [1, 2],
      syntax: "[modified] time | epoch | max | off",
      read: readExpires,
    }),
  },
  fields: {
    /** What is in force after the rules of inheritance. */
    added: field<readonly Addition[]>([]),
    trailers: field<readonly Addition[]>([]),
  },
  prepare(conf, level) {
    // Until here `added` and `trailers` are the outer level's.
    conf.added = inherited(conf.added, conf.add_header, conf.add_header_inherit, level.parent !== undefined);
    conf.trailers = inherited(conf.trailers, conf.add_trailer, conf.add_trailer_inherit, level.parent !== undefined);
  },
  enabled: (conf) => conf.expires.kind !== "off" || conf.added.length > 0 || conf.trailers.length > 0,
  hooks: {
    header_filter(request, conf) {
      if (request.parent) return DECLINED;
      const { response } = request;
      const usual = isUsual(response.status);
      if (usual && conf.expires.kind !== "off") expire(request, conf.expires);
      for (const { name, value, always, apply } of conf.added)
        if (usual || always) apply(response, name, value.evaluate(request));
      return conf.trailers.length > 0 ? announceTrailers(request, conf.trailers, usual) : DECLINED;
    },
  },
});

function inherited(
  outer: readonly Addition[],
  own: readonly Addition[],
  rule: (typeof inheritance)[number],
  hasOuter: boolean,
): readonly Addition[] {
  if (!hasOuter || rule === "off") return own;
  if (own.length === 0) return outer;
  return rule === "merge" ? [...own, ...outer] : own;
}

const usualStatuses: ReadonlySet<number> = new Set([200, 201, 204, 206, 301, 302, 303, 304, 307, 308]);

function isUsual(status: number): boolean {
  return usualStatuses.has(status);
}

function expire(request: Request, rule: ExpiresRule): void {
  const now = Math.floor(Date.now() / 1000);
  if (rule.kind !== "computed") return applyExpires(request.response, rule, now);
  const expires = parseExpires(rule.text.evaluate(request), rule.modified);
  // A text that says nothing nginx understands is passed over, silently as there.
  if (typeof expires !== "string") applyExpires(request.response, expires, now);
}

/** Trailers need chunked coding; their values are what they are once the body has gone out. */
function announceTrailers(request: Request, trailers: readonly Addition[], usual: boolean): Verdict {
  const wanted = usual ? trailers : trailers.filter(({ always }) => always);
  if (wanted.length === 0 || request.headerOnly) return DECLINED;
  if (request.exchange.httpVersion < 11) return DECLINED;
  request.response.trailers ??= [];
  request.filterBody((next) => (chunk, last) => {
    if (last) addTrailers(request, wanted);
    return next(chunk, last);
  });
  return DECLINED;
}

/** One after the other: a later one may read an earlier one by `$sent_trailer_`. */
function addTrailers(request: Request, additions: readonly Addition[]): void {
  const flat = (request.response.trailers ??= []);
  for (const { name, value } of additions) {
    const text = value.evaluate(request);
    if (text !== "" && isSafeField(name, text)) flat.push(name, text);
  }
}

function readAddition(args: Arguments): Addition {
  if (args.has(2) && args.text(2) !== "always") throw args.invalidParameter(2, "always");
  return { name: args.text(0), value: args.complex(1), always: args.has(2), apply: append };
}

function readHeader(args: Arguments): Addition {
  const addition = readAddition(args);
  return { ...addition, apply: setters[addition.name.toLowerCase()] ?? append };
}

/** What would end the field early, as a decoded `$uri` can, becomes a space (RFC 9110, section 5.5). */
function append(response: ResponseHead, name: string, value: string): void {
  if (value !== "")
    response.headers.add(name, isSafeField(name, value) ? value : value.replace(/[\0-\x08\x0a-\x1f\x7f]/g, " "));
}

/** Headers that the response keeps by other means than its list: a new value takes the old one's place. */
const setters: Readonly<Record<string, Addition["apply"]>> = {
  "last-modified": (response, _name, value) => {
    const time = parseHttpTime(value);
    response.lastModified = time ?? -1;
    if (time === undefined) append(response, "Last-Modified", value);
  },
  etag: (response, _name, value) => {
    response.etag = value !== "" && isSafeField("ETag", value) ? value : undefined;
  },
};

function readExpires(args: Arguments): ExpiresRule {
  const modified = args.count === 2;
  if (modified && args.text(0) !== "modified") throw args.wrong(0, '"expires" directive invalid value', "modified");
  const at = modified ? 1 : 0;
  const text = args.complex(at);
  if (text.constant === undefined) return { kind: "computed", text, modified };
  const expires = parseExpires(text.constant, modified);
  if (typeof expires === "string") throw args.wrong(at, `"expires" directive ${expires}`, "a time, epoch, max or off");
  return expires;
}
