/** Makes the executable: `bun scripts/build.ts [FILE]`. */
import { rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { runtimeArgv } from "../src/cli/self.ts";

const root = resolve(import.meta.dir, "..");

export interface Target {
  /** As `bun build --target` spells it. */
  readonly name: string;
  /** The Bun of that platform. */
  readonly executable: string;
}

/** The program as one file of text, which the executable carries for `resty build`. */
const program = join(".build", "program", "resty.js");

function bun(...args: string[]): void {
  const run = Bun.spawnSync({
    cmd: [process.execPath, "build", ...args],
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (run.exitCode !== 0) throw new Error(`bun build failed:\n${run.stderr}${run.stdout}`);
}

/** @throws Error with what the bundler said. */
export function build(outfile: string, target?: Target): void {
  bun("--target=bun", "--format=esm", "--minify", `--outfile=${program}`, join("src", "main.ts"));
  const cross = target ? [`--target=${target.name}`, `--compile-executable-path=${target.executable}`] : [];
  bun(
    "--compile",
    "--minify",
    "--bytecode",
    "--format=esm",
    "--sourcemap",
    // What lies in the folder where the server is started is none of its business.
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    `--compile-exec-argv=${runtimeArgv.join(" ")}`,
    "--asset=conf",
    "--asset=handlers",
    `--asset=${dirname(program)}`,
    ...cross,
    `--outfile=${resolve(outfile)}`,
    join("src", "main.ts"),
  );
  // The map is inside too, which is what stacks are read with; the file beside it is a copy.
  rmSync(`${resolve(outfile.replace(/\.exe$/, ""))}.map`, { force: true });
  rmSync(`${resolve(outfile)}.map`, { force: true });
}

if (import.meta.main) build(process.argv[2] ?? join(root, "resty"));
