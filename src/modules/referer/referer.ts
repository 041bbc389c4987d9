import { serverNames } from "../../compile/listen.ts";
import type { Arguments } from "../../core/arguments.ts";
import type { Level } from "../../core/level.ts";
import { accepted, type Context, defineModule, field, list } from "../../core/module.ts";
import { compilePattern } from "../../core/pattern.ts";
import type { Pattern } from "../../core/plan.ts";
import type { Request } from "../../core/request.ts";
import { WildcardMap } from "../../std/wildcard.ts";

const contexts: readonly Context[] = ["server", "location"];

type Referer =
  | { readonly kind: "none" | "blocked" | "server_names" }
  | { readonly kind: "pattern"; readonly pattern: Pattern }
  /** `path` is what has to follow the name; "" for anything. */
  | { readonly kind: "name"; readonly name: string; readonly path: string };

class Referers {
  none = false;
  blocked = false;
  readonly names = new WildcardMap<string>();
  readonly patterns: Pattern[] = [];
  readonly namePatterns: Pattern[] = [];

  get empty(): boolean {
    return this.names.size === 0 && this.patterns.length === 0 && this.namePatterns.length === 0;
  }

  accepts(request: Request): boolean {
    if (this.empty) return true;
    const referer = request.header("referer");
    if (referer === undefined) return this.none;
    const match = referer.length < "http://i.ru".length ? null : /^https?:\/\/(([^/:]*)[^/]*(.*))$/is.exec(referer);
    if (!match) return this.blocked;
    const [, rest, hostText, path] = match as unknown as [string, string, string, string];
    if (hostText.length > 256) return false;
    const host = hostText.toLowerCase();
    const required = this.names.find(host);
    if (required !== undefined) return path.startsWith(required);
    return (
      this.namePatterns.some((pattern) => pattern.match(host, undefined)) ||
      this.patterns.some((pattern) => pattern.match(rest, undefined))
    );
  }
}

/** nginx's ngx_http_referer_module. */
export const referer = defineModule({
  name: "referer",
  directives: {
    valid_referers: list<readonly Referer[]>({
      contexts,
      args: [1, 1024],
      syntax: "none | blocked | server_names | string ...",
      read: readReferers,
    }),
    referer_hash_max_size: accepted({ contexts, why: "tables grow as needed" }),
    referer_hash_bucket_size: accepted({ contexts, why: "tables grow as needed" }),
  },
  fields: {
    valid: field<Referers>(new Referers()),
  },
  variables: {
    invalid_referer: (request): string => (referer.of(request).valid.accepts(request) ? "" : "1"),
  },
  prepare(conf, level) {
    conf.valid = gather(conf.valid_referers.flat(), level);
  },
});

function readReferers(args: Arguments): Referer[] {
  const referers = args.words.map(({ text, place }, i): Referer => {
    if (text === "") throw args.wrong(i, `invalid referer "${text}"`);
    if (text === "none" || text === "blocked" || text === "server_names") return { kind: text };
    if (text === "~") throw args.wrong(i, `empty regex in "${text}"`);
    if (text.startsWith("~"))
      return { kind: "pattern", pattern: compilePattern(args, text.slice(1), place, { caseInsensitive: true }) };
    const slash = text.indexOf("/");
    const name = (slash < 0 ? text : text.slice(0, slash)).toLowerCase();
    return { kind: "name", name, path: slash < 0 ? "" : text.slice(slash) };
  });
  checkNames(args, referers);
  return referers;
}

function checkNames(args: Arguments, referers: readonly Referer[]): void {
  const names = new WildcardMap<string>();
  for (const [i, entry] of referers.entries()) {
    if (entry.kind !== "name") continue;
    try {
      if (!names.add(entry.name, entry.path)) throw args.wrong(i, `conflicting parameter "${entry.name}"`);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw args.wrong(i, `invalid hostname or wildcard "${entry.name}"`, "name, *.name, .name or name.*");
    }
  }
}

function gather(entries: readonly Referer[], level: Level): Referers {
  const referers = new Referers();
  for (const entry of entries) {
    if (entry.kind === "pattern") referers.patterns.push(entry.pattern);
    else if (entry.kind === "name") referers.names.add(entry.name, entry.path);
    else if (entry.kind === "server_names") addServerNames(referers, level);
    else referers[entry.kind] = true;
  }
  if ((referers.none || referers.blocked) && referers.empty)
    level.cycle.diagnostics.error(
      'the "none" or "blocked" referers are specified in the "valid_referers" directive without any valid referer',
      level.directive?.place,
    );
  return referers;
}

function addServerNames(referers: Referers, level: Level): void {
  const server = level.enclosing("server");
  for (const { text, pattern } of (server && level.cycle.get(serverNames).get(server)) ?? [])
    if (pattern) referers.namePatterns.push(pattern);
    else if (text !== "") referers.names.add(text, "");
}
