import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { defineCommand } from "citty";
import { jitPolicyAtStart } from "../std/jit.ts";
import { say } from "./say.ts";
import { isExecutable, runtimeArgv } from "./self.ts";
import { UsageError } from "./usage.ts";

/** Where the executable carries its own program, as text that its bundler can read again. */
const program = join(import.meta.dir, "program");

export const buildCommand = defineCommand({
  meta: { name: "build", description: "Make a folder with conf/ and handlers/ into an executable of its own" },
  args: {
    folder: {
      type: "positional",
      required: true,
      valueHint: "DIR",
      description: "Holds conf/ and, if there are any, handlers/",
    },
    outfile: { type: "string", alias: "o", required: true, valueHint: "FILE", description: "The executable to write" },
  },
  run: ({ args }) => build(resolve(args.folder), resolve(args.outfile)),
});

/** @returns the exit code */
async function build(folder: string, outfile: string): Promise<number> {
  if (!isExecutable) throw new UsageError('"build" is for the executable; in a checkout, "make build" makes one');
  if (!existsSync(join(folder, "conf", "nginx.conf"))) throw new UsageError(`no conf/nginx.conf in ${folder}`);
  const work = mkdtempSync(join(tmpdir(), "resty-build-"));
  try {
    // The result carries the program too, so that it can build others.
    mkdirSync(join(work, "program"));
    for (const name of readdirSync(program))
      writeFileSync(join(work, "program", name), readFileSync(join(program, name)));
    const assets = ["conf", "handlers"].filter(
      (name) => existsSync(join(folder, name)) && statSync(join(folder, name)).isDirectory(),
    );
    for (const name of assets) cpSync(join(folder, name), join(work, name), { recursive: true });
    const run = Bun.spawnSync({
      cmd: [
        process.execPath,
        "build",
        "--compile",
        "--bytecode",
        "--format=esm",
        "--splitting",
        "--no-compile-autoload-dotenv",
        "--no-compile-autoload-bunfig",
        `--compile-jit-policy=${jitPolicyAtStart}`,
        `--compile-exec-argv=${runtimeArgv.join(" ")}`,
        ...[...assets, "program"].map((name) => `--asset=${name}`),
        "--outfile=executable",
        join("program", "main.js"),
      ],
      cwd: work,
      // This executable is Bun, and with this variable it says so.
      env: { ...process.env, BUN_BE_BUN: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    if (run.exitCode !== 0) {
      process.stderr.write(`resty: the bundler failed:\n${run.stderr}${run.stdout}`);
      return 1;
    }
    return place(join(work, "executable"), outfile);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Puts the result in place at once: a server that runs from the old file is not disturbed. */
function place(built: string, outfile: string): number {
  const beside = join(dirname(outfile), `.${process.pid}.resty`);
  try {
    cpSync(built, beside);
    chmodSync(beside, 0o755);
    renameSync(beside, outfile);
  } catch (error) {
    rmSync(beside, { force: true });
    process.stderr.write(`resty: cannot write ${outfile}: ${(error as Error).message}\n`);
    return 1;
  }
  say.success(`wrote ${outfile}; now:\n  ${outfile} serve`);
  return 0;
}
