import type { Cycle } from "../core/cycle.ts";
import type { Level } from "../core/level.ts";
import type { AnyModule } from "../core/module.ts";
import type { ListenerPlan, ListenSpec, Pattern, ServerPlan, TlsServer } from "../core/plan.ts";
import type { Request } from "../core/request.ts";
import { WildcardMap } from "../std/wildcard.ts";
import {
  http2Servers,
  type ListenDeclaration,
  listenDeclarations,
  type ServerName,
  serverNames,
  tlsServers,
} from "./listen.ts";
import { compileLevel, compileLocations } from "./locations.ts";
import { phaseSteps } from "./steps.ts";

/** The servers of one `http` block, each with its locations. */
export function compileServers(http: Level, modules: readonly AnyModule[], cycle: Cycle): Map<Level, ServerPlan> {
  const servers = new Map<Level, ServerPlan>();
  for (const level of http.children)
    if (level.context === "server") servers.set(level, compileServer(level, modules, cycle));
  return servers;
}

function compileServer(level: Level, modules: readonly AnyModule[], cycle: Cycle): ServerPlan {
  const names = (cycle.get(serverNames).get(level) ?? []).map((name) => name.text);
  const base = compileLevel(level, "server", "", undefined, modules, cycle);
  const locations = level.children.filter((child) => child.context === "location");
  const { tree, named } = compileLocations(locations, base, modules, cycle);
  return {
    names,
    name: names[0]?.replace(/^\./, "") ?? "",
    origin: base.origin,
    base,
    postRead: phaseSteps(modules, base.confs, "post_read"),
    serverRewrite: phaseSteps(modules, base.confs, "server_rewrite"),
    locations: tree,
    named,
  };
}

interface Gathered {
  readonly spec: ListenSpec;
  readonly declarations: ListenDeclaration[];
}

/** One listener an address, with the servers that share it. */
export function compileListeners(servers: ReadonlyMap<Level, ServerPlan>, cycle: Cycle): ListenerPlan[] {
  const gathered = new Map<string, Gathered>();
  for (const declaration of cycle.get(listenDeclarations)) gather(declaration, gathered, cycle);
  return [...gathered.values()].map(({ spec, declarations }) => {
    const explicit = declarations.find((declaration) => declaration.defaultServer);
    const defaultServer = servers.get((explicit ?? declarations[0]!).level)!;
    return {
      spec,
      tls: certificates(declarations, explicit ?? declarations[0]!, cycle),
      proxyProtocol: declarations.some(({ proxyProtocol }) => proxyProtocol),
      http2: declarations.some(({ http2, level }) => http2 || cycle.get(http2Servers).has(level)),
      defaultServer,
      servers: declarations.map(({ level }) => servers.get(level)!),
      find: nameLookup(declarations, servers, defaultServer, spec.key, cycle),
    };
  });
}

function certificates(declarations: readonly ListenDeclaration[], first: ListenDeclaration, cycle: Cycle): TlsServer[] {
  if (!declarations.some(({ ssl }) => ssl)) return [];
  const known = cycle.get(tlsServers);
  const others = declarations.filter((declaration) => declaration !== first);
  return [first, ...others].flatMap(({ level }) => known.get(level) ?? []);
}

function gather(declaration: ListenDeclaration, gathered: Map<string, Gathered>, cycle: Cycle): void {
  for (const spec of declaration.specs) {
    const known = gathered.get(spec.key);
    if (!known) {
      gathered.set(spec.key, { spec, declarations: [declaration] });
      continue;
    }
    const { declarations } = known;
    if (declarations.some(({ level }) => level === declaration.level))
      cycle.diagnostics.error(`a duplicate listen ${spec.key}`, declaration.place);
    if (declaration.setsSocket && declarations.some(({ setsSocket }) => setsSocket))
      cycle.diagnostics.error(`duplicate listen options for ${spec.key}`, declaration.place);
    if (declaration.defaultServer && declarations.some(({ defaultServer }) => defaultServer))
      cycle.diagnostics.error(`a duplicate default server for ${spec.key}`, declaration.place);
    declarations.push(declaration);
    if (declaration.setsSocket) gathered.set(spec.key, { spec, declarations });
  }
}

function nameLookup(
  declarations: readonly ListenDeclaration[],
  servers: ReadonlyMap<Level, ServerPlan>,
  defaultServer: ServerPlan,
  key: string,
  cycle: Cycle,
): ListenerPlan["find"] {
  const names = new WildcardMap<ServerPlan>();
  const patterns: { pattern: Pattern; server: ServerPlan }[] = [];
  for (const { level } of declarations)
    for (const name of cycle.get(serverNames).get(level) ?? unnamed(level)) {
      const server = servers.get(level)!;
      if (name.pattern) patterns.push({ pattern: name.pattern, server });
      else if (!names.add(name.text, server))
        cycle.diagnostics.warn(`conflicting server name "${name.text}" on ${key}, ignored`, name.place);
    }
  if (names.size === 0 && patterns.length === 0) return () => defaultServer;
  return (host: string, request: Request | undefined): ServerPlan => {
    const named = names.find(host);
    if (named) return named;
    for (const { pattern, server } of patterns) {
      const captures = pattern.match(host, request);
      if (!captures) continue;
      if (request) request.captures = captures;
      return server;
    }
    return defaultServer;
  };
}

/** A server without `server_name` has the empty name: it answers requests that carry no Host. */
function unnamed(level: Level): ServerName[] {
  return [{ text: "", place: level.directive!.place }];
}
