import type { Arguments } from "../../core/arguments.ts";
import { type Context, defineModule, field, list, text } from "../../core/module.ts";
import type { Request } from "../../core/request.ts";

const contexts: readonly Context[] = ["http", "server", "location"];

/** How a family of browsers names itself in User-Agent. */
interface Family {
  readonly name: string;
  /** Where the mark can begin at the earliest. */
  readonly skip: number;
  readonly mark: string;
  /** From the mark's start to the version. */
  readonly toVersion: number;
}

/** In the order they are looked for: Opera may call itself MSIE as well. */
const families: readonly Family[] = [
  { name: "opera", skip: 0, mark: "Opera", toVersion: "Opera ".length },
  { name: "msie", skip: "Mozilla/4.0 (compatible; ".length, mark: "MSIE ", toVersion: "MSIE ".length },
  { name: "gecko", skip: "Mozilla/5.0 (".length, mark: "rv:", toVersion: "rv:".length },
  { name: "safari", skip: "Mozilla/5.0 (".length, mark: "Safari/", toVersion: "Safari/".length },
  { name: "konqueror", skip: "Mozilla/5.0 (compatible; ".length, mark: "Konqueror/", toVersion: "Konqueror/".length },
];

/** Modern from `version` on. */
interface Modern {
  readonly family: Family;
  readonly version: number;
}

interface Conf {
  readonly modern: readonly Modern[];
  readonly unlistedAreModern: boolean;
  readonly ancient: readonly string[];
  readonly netscape4: boolean;
}

/** nginx's ngx_http_browser_module. */
export const browser = defineModule({
  name: "browser",
  directives: {
    modern_browser: list<Modern | "unlisted">({
      contexts,
      args: [1, 2],
      syntax: "browser version | unlisted",
      read: readModern,
    }),
    ancient_browser: list<readonly string[]>({
      contexts,
      args: [1, 64],
      syntax: "string ...",
      read: (args) => args.texts(),
    }),
    modern_browser_value: text({ contexts, default: "1" }),
    ancient_browser_value: text({ contexts, default: "1" }),
  },
  fields: {
    modern: field<readonly Modern[]>([]),
    unlistedAreModern: field(false),
    ancient: field<readonly string[]>([]),
    netscape4: field(false),
  },
  variables: {
    modern_browser: (request): string => (isModern(request) ? browser.of(request).modern_browser_value : ""),
    ancient_browser: (request): string => (isModern(request) ? "" : browser.of(request).ancient_browser_value),
    msie: (request) => {
      const agent = request.header("user-agent") ?? "";
      return /MSIE .{3}/s.test(agent) && !agent.includes("Opera") ? "1" : "";
    },
  },
  prepare(conf) {
    const listed = conf.modern_browser.filter((entry) => entry !== "unlisted");
    // Without a word on Opera its versions are ancient, even those that call themselves MSIE.
    if (listed.length > 0 && !listed.some(({ family }) => family === families[0]))
      listed.push({ family: families[0]!, version: Number.POSITIVE_INFINITY });
    conf.modern = listed.sort((a, b) => families.indexOf(a.family) - families.indexOf(b.family));
    conf.unlistedAreModern = conf.modern_browser.includes("unlisted");
    const words = conf.ancient_browser.flat();
    conf.ancient = words.filter((word) => word !== "netscape4");
    conf.netscape4 = words.includes("netscape4");
  },
});

function readModern(args: Arguments): Modern | "unlisted" {
  if (args.count === 1) {
    if (args.text(0) !== "unlisted")
      throw args.wrong(0, `invalid value "${args.text(0)}"`, "a browser and a version, or unlisted");
    return "unlisted";
  }
  const family = families.find(({ name }) => name === args.text(0).toLowerCase());
  if (!family)
    throw args.wrong(
      0,
      `unknown browser name "${args.text(0)}"`,
      families
        .map(({ name }) => name)
        .sort()
        .join(", "),
    );
  if (!/^[\d.]*$/.test(args.text(1)))
    throw args.wrong(1, `invalid browser version "${args.text(1)}"`, "numbers such as 5.5");
  return { family, version: versionNumber(args.text(1)) };
}

/** `5.5.1` as one number that compares: millions, ten thousands, hundreds, ones. */
function versionNumber(version: string): number {
  let sum = 0;
  let scale = 1_000_000;
  for (const part of version.split(".")) {
    sum += Number(part || 0) * scale;
    scale = Math.floor(scale / 100);
  }
  return sum;
}

function isModern(request: Request): boolean {
  const conf = browser.of(request);
  const agent = request.header("user-agent");
  return agent === undefined ? conf.unlistedAreModern : agentIsModern(agent, conf);
}

/** Is this User-Agent modern? */
export function agentIsModern(agent: string, { modern, unlistedAreModern, ancient, netscape4 }: Conf): boolean {
  for (const { family, version } of modern) {
    const mark = agent.indexOf(family.mark, family.skip);
    const from = mark + family.toVersion;
    if (mark < 0 || from >= agent.length) continue;
    return versionNumber(/^[\d.]*/.exec(agent.slice(from))![0]) >= version;
  }
  if (modern.length > 0 && !unlistedAreModern) return false;
  if (netscape4 && /^Mozilla\/[1-4]/.test(agent) && agent.length > "Mozilla/4.72 ".length - 1) return false;
  return !ancient.some((word) => agent.includes(word)) && unlistedAreModern;
}
