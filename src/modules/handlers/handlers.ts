import { readLocationName } from "../../compile/locations.ts";
import { Arguments, ConfigError } from "../../core/arguments.ts";
import type { Cycle } from "../../core/cycle.ts";
import type { Place } from "../../core/diagnostic.ts";
import type { Directive } from "../../core/directive.ts";
import { Level } from "../../core/level.ts";
import { defineModule, field, text, value } from "../../core/module.ts";
import { compilePattern } from "../../core/pattern.ts";
import type { LocationKind, Pattern } from "../../core/plan.ts";
import { generationKey } from "../../ngx/generation.ts";
import { Script } from "../../ngx/script.ts";
import type { Route } from "../../router/match.ts";
import { scanRoutes } from "../../router/scan.ts";
import { encodeUtf8, fsPath } from "../../std/bytestring.ts";
import { ts } from "../ts/ts.ts";
import { answerOpenApi } from "./openapi.ts";
import { routeEntries } from "./routes.ts";

interface Folder {
  readonly path: string;
  readonly place: Place;
}

/** `handlers folder;`: the files in it answer the paths that their places name. */
export const handlers = defineModule({
  name: "handlers",
  directives: {
    handlers: value<Folder | undefined>({
      contexts: ["http", "server"],
      default: undefined,
      syntax: "folder | off",
      read: (args) =>
        args.text(0) === "off"
          ? { path: "", place: args.place }
          : { path: fsPath(args.cycle.path(args.text(0))), place: args.words[0]!.place },
    }),
    openapi: text({ contexts: ["http", "server"], default: "", syntax: "path" }),
  },
  fields: {
    /** Of the location that the document stands at. */
    document: field(false, "none"),
  },
  handler: ({ document }) => (document ? answerOpenApi : undefined),
  finish(cycle, main) {
    const scanned = new Map<string, readonly Route[]>();
    for (const http of main.children)
      for (const server of http.children) {
        if (server.context !== "server") continue;
        const folder = handlers.at(server).handlers;
        if (!folder || folder.path === "") continue;
        let routes = scanned.get(folder.path);
        if (!routes) scanned.set(folder.path, (routes = scan(folder, cycle)));
        addRoutes(server, routes, cycle);
        const { openapi } = handlers.at(server);
        if (openapi === "") continue;
        const place = startOf(folder.path);
        const level = new Level("location", server, locationDirective(["=", openapi], place.file), cycle);
        level.write(handlers, "document", true);
      }
  },
});

function scan(folder: Folder, cycle: Cycle): readonly Route[] {
  try {
    const { routes, problems } = scanRoutes(folder.path);
    for (const { file, message, other } of problems)
      cycle.diagnostics.add({
        severity: "emerg",
        message,
        place: startOf(file),
        ...(other === undefined ? {} : { notes: [{ message: "the other one is here", place: startOf(other) }] }),
      });
    return routes;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ENOTDIR" && code !== "EACCES") throw error;
    const why =
      code === "ENOENT" ? "No such file or directory" : code === "ENOTDIR" ? "Not a directory" : "Permission denied";
    throw new ConfigError(`cannot read handlers "${folder.path}": ${why}`, folder.place, "a folder, or off");
  }
}

const startOf = (file: string): Place => ({ file, line: 1, column: 1, length: 1 });

/**
 * Makes each route a location. It inherits from the one that its path would have matched, but is searched for where
 * it is found: a fixed path before everything else, one with parameters after the regular expressions of the
 * configuration, and never against a prefix that says more of the path than the route does.
 */
function addRoutes(server: Level, routes: readonly Route[], cycle: Cycle): void {
  const generation = cycle.get(generationKey);
  const declared = declaredLocations(server, cycle);
  for (const route of routes) {
    const script = scriptOf(route, generation.scripts);
    let parent: Level | undefined;
    if (route.exact) {
      for (const path of route.exact) {
        const inherits = enclosing(server, path, declared);
        if (!inherits) continue; // a location of exactly this path is declared, and wins
        parent ??= inherits;
        add(script, inherits, server, ["=", path]);
      }
    } else {
      parent = byPrefix(route.prefix, declared)?.level ?? server;
      const isFinal = declared.find(({ level }) => level === parent)?.kind === "no-regex prefix";
      const level = add(script, parent, isFinal ? parent : server, ["~", route.pattern]);
      level.pattern = patternOf(route, declared);
    }
    if (!parent) continue;
    const origin = parent.directive?.place;
    const inherits = origin ? `${origin.file}:${origin.line}` : "";
    cycle.get(routeEntries).push({ server, path: route.path, file: route.file, script, inherits });
  }
}

function add(script: Script, parent: Level, home: Level, words: readonly string[]): Level {
  const level = new Level("location", parent, locationDirective(words, script.modulePath), parent.cycle, home);
  level.write(ts, "content", { script, path: undefined });
  return level;
}

/** Matches what the route does, unless a declared prefix longer than its fixed beginning matches too. */
function patternOf(route: Route, declared: readonly Declared[]): Pattern {
  const regex = new RegExp(route.pattern, "s");
  const closer = declared
    .filter(({ kind, name }) => isPrefix(kind) && name.length > route.prefix.length && name.startsWith(route.prefix))
    .map(({ name }) => name);
  return {
    source: route.pattern,
    match: (uri) => (closer.some((name) => uri.startsWith(name)) ? undefined : (regex.exec(uri) ?? undefined)),
  };
}

/** One script a file, however many servers have it. */
function scriptOf(route: Route, all: Script[]): Script {
  let script = all.find((one) => one.modulePath === route.file && one.route !== undefined);
  if (!script) {
    script = new Script("content", route.file, startOf(route.file), route.file, { route });
    all.push(script);
  }
  return script;
}

function locationDirective(words: readonly string[], file: string): Directive {
  const place = { ...startOf(file), file: encodeUtf8(file) };
  return { name: "location", args: words.map((text) => ({ text, quote: "", place })), place, block: [] };
}

/** A location of the configuration. */
interface Declared {
  readonly level: Level;
  readonly kind: LocationKind;
  readonly name: string;
  readonly pattern: Pattern | undefined;
}

const isPrefix = (kind: LocationKind): boolean => kind === "prefix" || kind === "no-regex prefix";

/** All locations below a level, nested ones too, in the order of the configuration. */
function declaredLocations(level: Level, cycle: Cycle): Declared[] {
  return level.children
    .filter(({ context }) => context === "location")
    .flatMap((child) => {
      const { kind, name, caseInsensitive, place } = readLocationName(child.directive!);
      const args = new Arguments(child.directive!, child, cycle);
      // The location, when it is compiled, takes this one.
      if (kind === "regex") child.pattern ??= compilePattern(args, name, place, { caseInsensitive });
      const { pattern } = child;
      return [{ level: child, kind, name, pattern }, ...declaredLocations(child, cycle)];
    });
}

/**
 * The level that a request for `path` would reach, by nginx's rules; the server where no location matches, undefined
 * where one has exactly this path.
 */
function enclosing(level: Level, path: string, declared: readonly Declared[]): Level | undefined {
  const here = declared.filter((one) => one.level.parent === level);
  if (here.some(({ kind, name }) => kind === "exact" && name === path)) return undefined;
  const prefix = byPrefix(path, here);
  if (prefix) {
    const nested = enclosing(prefix.level, path, declared);
    if (nested !== prefix.level || prefix.kind === "no-regex prefix") return nested;
  }
  const regex = here.find(({ pattern }) => pattern?.match(path, undefined));
  return regex ? enclosing(regex.level, path, declared) : (prefix?.level ?? level);
}

/** The longest prefix that `path` starts with. */
function byPrefix(path: string, among: readonly Declared[]): Declared | undefined {
  let best: Declared | undefined;
  for (const one of among)
    if (isPrefix(one.kind) && path.startsWith(one.name) && one.name.length >= (best?.name.length ?? 0)) best = one;
  return best;
}
