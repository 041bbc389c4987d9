import { type ArgsDef, type CommandDef, defineCommand, renderUsage, runCommand } from "citty";
import { version } from "../std/version.ts";
import { benchCommand } from "./bench.ts";
import { buildCommand } from "./build.ts";
import { checkCommand } from "./check.ts";
import { dbCommand } from "./db.ts";
import { NoConfiguration } from "./configuration.ts";
import { initCommand } from "./init.ts";
import { runLikeNginx } from "./like_nginx.ts";
import { routesCommand } from "./routes.ts";
import { serveCommand } from "./serve.ts";
import { quitCommand, reloadCommand, reopenCommand, stopCommand } from "./signal.ts";
import { statusCommand } from "./status.ts";
import { systemdCommand } from "./systemd.ts";
import { UsageError } from "./usage.ts";

/** A command whatever its arguments: the type of each is known only where it is defined. */
type AnyCommand = CommandDef<any>;

const verbs: Readonly<Record<string, AnyCommand>> = {
  serve: serveCommand,
  check: checkCommand,
  reload: reloadCommand,
  stop: stopCommand,
  quit: quitCommand,
  reopen: reopenCommand,
  routes: routesCommand,
  db: dbCommand,
  status: statusCommand,
  bench: benchCommand,
  init: initCommand,
  build: buildCommand,
  systemd: systemdCommand,
};

const root = defineCommand({
  meta: {
    name: "resty",
    version,
    description: "A programmable web platform: nginx's configuration, TypeScript in every phase, one executable",
  },
  subCommands: verbs,
});

/** @returns the exit code: 0 done, 1 failed, 2 wrong usage. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const [first, ...rest] = argv;
  if (first === undefined || first === "--help" || first === "help") {
    process.stdout.write(`${await renderUsage(root)}\n`);
    return first === undefined ? 2 : 0;
  }
  if (first === "--version") {
    process.stdout.write(`resty ${version}\n`);
    return 0;
  }
  if (first.startsWith("-")) return runLikeNginx(argv);
  const verb = Object.hasOwn(verbs, first) ? verbs[first] : undefined;
  if (!verb) return complain(`resty: no command "${first}"; "resty help" lists them`, 2);
  if (rest.includes("--help") || rest.includes("-h")) {
    process.stdout.write(`${await renderUsage(verb, root)}\n`);
    return 0;
  }
  return runVerb(first, verb, rest);
}

async function runVerb(name: string, verb: AnyCommand, argv: string[]): Promise<number> {
  try {
    // bench reads its own strictly, and takes what wrk takes: -t2 -c100 -d30s.
    if (verb !== benchCommand) await refuseUnknownOptions(name, verb, argv);
    const { result } = await runCommand(verb, { rawArgs: argv });
    return typeof result === "number" ? result : 0;
  } catch (error) {
    if (error instanceof NoConfiguration) return complain(`resty: [emerg] ${error.message}`, 1);
    const wrongUsage = error instanceof UsageError || (error as Error).name === "CLIError";
    if (wrongUsage) return complain(`resty: ${(error as Error).message}; "resty ${name} --help" explains`, 2);
    throw error;
  }
}

/** citty lets an option pass that nothing declares; a misspelt one must not be taken for done. */
async function refuseUnknownOptions(name: string, verb: AnyCommand, argv: readonly string[]): Promise<void> {
  const args: ArgsDef = (await (typeof verb.args === "function" ? verb.args() : verb.args)) ?? {};
  const known = new Set<string>();
  for (const [key, definition] of Object.entries(args)) {
    const aliases = "alias" in definition ? [definition.alias ?? []].flat() : [];
    for (const spelling of [key, ...aliases]) known.add(kebab(spelling)).add(`no-${kebab(spelling)}`);
  }
  for (const word of argv) {
    if (word === "--") return;
    const option = /^--?([A-Za-z][\w-]*)/.exec(word)?.[1];
    if (option !== undefined && !known.has(kebab(option))) throw new UsageError(`"${name}" has no option "${word}"`);
  }
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function complain(text: string, code: number): number {
  process.stderr.write(`${text}\n`);
  return code;
}
