/** Makes the executable: `bun scripts/build.ts [FILE]`. */
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { runtimeArgv } from "../src/cli/self.ts";

const root = resolve(import.meta.dir, "..");

export interface Target {
  /** As `bun build --target` spells it. */
  readonly name: string;
  /** The Bun of that platform. */
  readonly executable: string;
}

/** @throws Error with what the bundler said. */
export function build(outfile: string, target?: Target): void {
  const cross = target ? [`--target=${target.name}`, `--compile-executable-path=${target.executable}`] : [];
  const run = Bun.spawnSync({
    cmd: [
      process.execPath,
      "build",
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
      ...cross,
      `--outfile=${resolve(outfile)}`,
      join("src", "main.ts"),
    ],
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (run.exitCode !== 0) throw new Error(`bun build failed:\n${run.stderr}${run.stdout}`);
  // The map is inside too, which is what stacks are read with; the file beside it is a copy.
  rmSync(`${resolve(outfile.replace(/\.exe$/, ""))}.map`, { force: true });
  rmSync(`${resolve(outfile)}.map`, { force: true });
}

if (import.meta.main) build(process.argv[2] ?? join(root, "resty"));
