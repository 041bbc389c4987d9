import { readLocationName } from "../../compile/locations.ts";
import { Arguments, ConfigError } from "../../core/arguments.ts";
import { type Cycle, cycleKey } from "../../core/cycle.ts";
import type { Place } from "../../core/diagnostic.ts";
import type { Directive } from "../../core/directive.ts";
import { Level } from "../../core/level.ts";
import { defineModule, value } from "../../core/module.ts";
import { compilePattern } from "../../core/pattern.ts";
import { generationKey } from "../../ngx/generation.ts";
import { Script } from "../../ngx/script.ts";
import type { Route } from "../../router/match.ts";
import { scanRoutes } from "../../router/scan.ts";
import { encodeUtf8, fsPath } from "../../std/bytestring.ts";
import { ts } from "../ts/ts.ts";

interface Folder {
  readonly path: string;
  readonly place: Place;
}

/** One file route as `resty routes` shows it. */
export interface RouteEntry {
  readonly server: Level;
  readonly path: string;
  readonly file: string;
  readonly script: Script;
  /** `file:line` of the location that it inherits from. */
  readonly inherits: string;
}

/** The file routes of a configuration, in matching order; not those that a location of the same path overrides. */
export const routeEntries = cycleKey<RouteEntry[]>("routes", () => []);

/** `handlers folder;`: the files in it answer the paths that their places name. */
export const handlers = defineModule({
  name: "handlers",
  directives: {
    handlers: value<Folder | undefined>({
      contexts: ["http", "server"],
      default: undefined,
      syntax: "folder | off",
      read: (args) => (args.text(0) === "off" ? { path: "", place: args.place } : { path: fsPath(args.cycle.path(args.text(0))), place: args.words[0]!.place }),
    }),
  },
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
    const why = code === "ENOENT" ? "No such file or directory" : code === "ENOTDIR" ? "Not a directory" : "Permission denied";
    throw new ConfigError(`cannot read handlers "${folder.path}": ${why}`, folder.place, "a folder, or off");
  }
}

const startOf = (file: string): Place => ({ file, line: 1, column: 1, length: 1 });

function addRoutes(server: Level, routes: readonly Route[], cycle: Cycle): void {
  const generation = cycle.get(generationKey);
  const scripts = new Map<string, Script>();
  for (const route of routes) {
    const script = scriptOf(route, generation.scripts, scripts);
    const paths = route.exact ?? [undefined];
    for (const path of paths) {
      const parent = enclosing(server, path ?? `${route.prefix}*`, path === undefined, cycle);
      if (!parent) continue; // a location of exactly this path is declared, and wins
      const words = path === undefined ? ["~", route.pattern] : ["=", path];
      const level = new Level("location", parent, locationDirective(words, route.file), cycle);
      level.write(ts, "content", { script, path: undefined });
      if (path !== paths[0]) continue;
      const origin = parent.directive?.place;
      cycle.get(routeEntries).push({
        server,
        path: route.path,
        file: route.file,
        script,
        inherits: origin ? `${origin.file}:${origin.line}` : "",
      });
    }
  }
}

/** One script a file, however many servers have it. */
function scriptOf(route: Route, all: Script[], known: Map<string, Script>): Script {
  let script = known.get(route.file) ?? all.find((one) => one.modulePath === route.file && one.route !== undefined);
  if (!script) {
    script = new Script("content", route.file, startOf(route.file), route.file, { route });
    all.push(script);
  }
  known.set(route.file, script);
  return script;
}

function locationDirective(words: readonly string[], file: string): Directive {
  const place = { ...startOf(file), file: encodeUtf8(file) };
  return { name: "location", args: words.map((text) => ({ text, quote: "", place })), place, block: [] };
}

/**
 * The level that a request for `path` would reach, by nginx's rules; the server where no location matches, undefined
 * where one has exactly this path. A route with parameters goes by its fixed beginning, which no regular expression
 * can be asked about.
 */
function enclosing(level: Level, path: string, prefixOnly: boolean, cycle: Cycle): Level | undefined {
  let best: { level: Level; name: string; final: boolean } | undefined;
  const regexes: Level[] = [];
  for (const child of level.children) {
    if (child.context !== "location" || child.plan) continue;
    const { kind, name, caseInsensitive, place } = readLocationName(child.directive!);
    if (kind === "exact") {
      if (name === path && !prefixOnly) return undefined;
    } else if (kind === "regex") {
      const args = new Arguments(child.directive!, child, cycle);
      if (!prefixOnly && !isRoute(child) && compilePattern(args, name, place, { caseInsensitive }).match(path, undefined)) regexes.push(child);
    } else if (kind !== "named" && path.startsWith(name) && (!best || name.length > best.name.length))
      best = { level: child, name, final: kind === "no-regex prefix" };
  }
  if (best && (best.final || regexes.length === 0)) return enclosing(best.level, path, prefixOnly, cycle);
  const [regex] = regexes;
  return regex ? enclosing(regex, path, prefixOnly, cycle) : level;
}

const isRoute = (level: Level): boolean => (level.own(ts, "content") as { script?: Script } | undefined)?.script?.route !== undefined;
