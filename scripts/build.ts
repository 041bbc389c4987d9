/** Makes the executable: `bun scripts/build.ts [FILE]`. */
import { mkdtempSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { runtimeArgv } from "../src/cli/self.ts";
import { jitPolicyAtStart } from "../src/std/jit.ts";

const root = resolve(import.meta.dir, "..");

export interface Target {
  /** As `bun build --target` spells it. */
  readonly name: string;
  /** The Bun of that platform. */
  readonly executable: string;
}

/** The program as text, which the executable carries for `resty build`. */
const program = join(".build", "program");

function bun(...args: string[]): void {
  const run = Bun.spawnSync({
    cmd: [process.execPath, "build", ...args],
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (run.exitCode !== 0) throw new Error(`bun build failed:\n${run.stderr}${run.stdout}`);
}

/** A process loads only the parts it needs: with all of them in one, each start took 15 ms more (Bun 1.4.5). */
const inParts = ["--format=esm", "--splitting"];

/** @throws Error with what the bundler said. */
export function build(outfile: string, target?: Target): void {
  rmSync(join(root, program), { recursive: true, force: true });
  bun("--target=bun", ...inParts, "--minify", `--outdir=${program}`, join("src", "main.ts"));
  const cross = target ? [`--target=${target.name}`, `--compile-executable-path=${target.executable}`] : [];
  const to = resolve(outfile);
  // The maps are inside too, which is what stacks are read with; those that the bundler leaves beside it are copies.
  const work = mkdtempSync(join(dirname(to), ".build-"));
  try {
    bun(
      "--compile",
      "--minify",
      "--bytecode",
      ...inParts,
      "--sourcemap",
      // What lies in the folder where the server is started is none of its business.
      "--no-compile-autoload-dotenv",
      "--no-compile-autoload-bunfig",
      `--compile-jit-policy=${jitPolicyAtStart}`,
      `--compile-exec-argv=${runtimeArgv.join(" ")}`,
      "--asset=conf",
      "--asset=handlers",
      `--asset=${program}`,
      ...cross,
      `--outfile=${join(work, basename(to))}`,
      join("src", "main.ts"),
    );
    renameSync(join(work, basename(to)), to);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

if (import.meta.main) build(process.argv[2] ?? join(root, "resty"));
