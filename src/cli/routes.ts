import { defineCommand } from "citty";
import type { LocationPlan, LocationTree, Plan } from "../core/plan.ts";
import { choose } from "./configuration.ts";
import { load } from "./load.ts";
import { confArgument, nginxOptions } from "./options.ts";

const signs: Readonly<Record<LocationPlan["kind"], string>> = {
  exact: "= ",
  "no-regex prefix": "^~ ",
  regex: "~ ",
  prefix: "",
  named: "",
  if: "",
  limit_except: "",
  server: "",
};

/** One location as it is printed; `depth` is how far it is nested. */
interface Row {
  readonly location: string;
  readonly depth: number;
  readonly origin: string;
}

export const routesCommand = defineCommand({
  meta: { name: "routes", description: "List every server, location and file route in matching order" },
  args: { conf: confArgument, ...nginxOptions, json: { type: "boolean", description: "Print JSON" } },
  run({ args }) {
    const { loaded, settings, text } = load(choose(args.conf, args.directives, args.prefix));
    if (!settings) {
      process.stderr.write(text);
      return 1;
    }
    const servers = describe(loaded.plan);
    process.stdout.write(args.json ? `${JSON.stringify(servers, null, 2)}\n` : print(servers));
    return 0;
  },
});

interface ServerRows {
  readonly names: readonly string[];
  readonly listen: readonly string[];
  readonly origin: string;
  readonly locations: readonly Row[];
}

function describe({ servers, listeners }: Plan): ServerRows[] {
  return servers.map((server) => ({
    names: server.names,
    listen: listeners
      .filter(({ servers: all }) => all.includes(server))
      .map(({ spec, defaultServer }) => spec.key + (defaultServer === server ? " default" : "")),
    origin: server.origin,
    locations: [...rows(server.locations, 0), ...[...server.named.values()].map((plan) => row(plan, 0))],
  }));
}

/** In the order in which the search decides: exact ones, prefixes from the longest, regular expressions. */
function rows(tree: LocationTree, depth: number): Row[] {
  return [...tree.exact.values(), ...tree.prefixes, ...tree.regexes].flatMap((plan) => [
    row(plan, depth),
    ...rows(plan.locations, depth + 1),
  ]);
}

function row(plan: LocationPlan, depth: number): Row {
  return { location: signs[plan.kind] + plan.name, depth, origin: plan.origin };
}

function print(servers: readonly ServerRows[]): string {
  const lines: string[] = [];
  for (const { names, listen, origin, locations } of servers) {
    lines.push(`server ${names.join(" ") || '""'}  listen ${listen.join(", ")}  (${origin})`);
    const width = Math.max(0, ...locations.map(({ location, depth }) => location.length + depth * 2));
    for (const { location, depth, origin: where } of locations)
      lines.push(`  ${(" ".repeat(depth * 2) + location).padEnd(width)}  ${where}`);
  }
  return `${lines.join("\n")}\n`;
}
