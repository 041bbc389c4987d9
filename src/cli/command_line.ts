import { type ArgsDef, type CommandDef, defineCommand, renderUsage, runCommand } from "citty";
import { compileAsUsual } from "../std/jit.ts";
import { version } from "../std/version.ts";
import { NoConfiguration } from "./configuration.ts";
import { UsageError } from "./usage.ts";

/** A command whatever its arguments: the type of each is known only where it is defined. */
type AnyCommand = CommandDef<any>;

/** Each is loaded when it is asked for: it is time before the first answer. */
const verbs: Readonly<Record<string, () => Promise<AnyCommand>>> = {
  serve: async () => (await import("./serve.ts")).serveCommand,
  check: async () => (await import("./check.ts")).checkCommand,
  reload: async () => (await import("./signal.ts")).reloadCommand,
  stop: async () => (await import("./signal.ts")).stopCommand,
  quit: async () => (await import("./signal.ts")).quitCommand,
  reopen: async () => (await import("./signal.ts")).reopenCommand,
  routes: async () => (await import("./routes.ts")).routesCommand,
  db: async () => (await import("./db.ts")).dbCommand,
  status: async () => (await import("./status.ts")).statusCommand,
  bench: async () => (await import("./bench.ts")).benchCommand,
  init: async () => (await import("./init.ts")).initCommand,
  build: async () => (await import("./build.ts")).buildCommand,
  systemd: async () => (await import("./systemd.ts")).systemdCommand,
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
  if (first.startsWith("-")) return (await import("./like_nginx.ts")).runLikeNginx(argv);
  const verb = Object.hasOwn(verbs, first) ? await verbs[first]!() : undefined;
  if (!verb) return complain(`resty: no command "${first}"; "resty help" lists them`, 2);
  if (rest.includes("--help") || rest.includes("-h")) {
    process.stdout.write(`${await renderUsage(verb, root)}\n`);
    return 0;
  }
  if (first !== "serve" && first !== "check") compileAsUsual();
  return runVerb(first, verb, rest);
}

async function runVerb(name: string, verb: AnyCommand, argv: string[]): Promise<number> {
  try {
    // bench reads its own strictly, and takes what wrk takes: -t2 -c100 -d30s.
    if (name !== "bench") await refuseUnknownOptions(name, verb, argv);
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
