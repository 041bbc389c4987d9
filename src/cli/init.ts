import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { defineCommand } from "citty";
import { compilerOptions } from "../ngx/declarations/compiler_options.ts";
import { declarations } from "../ngx/declarations/declarations.ts";
import { looseDeclarations } from "../ngx/declarations/loose.ts";
import { embeddedFiles, inTheWay, unpack } from "./embedded.ts";
import { say } from "./say.ts";

export const initCommand = defineCommand({
  meta: { name: "init", description: "Write the configuration and handlers of this executable into a folder" },
  args: {
    folder: { type: "positional", required: true, valueHint: "DIR", description: "Where conf/ and handlers/ go" },
    force: { type: "boolean", default: false, description: "Replace files that are there" },
  },
  run: ({ args }) => init(args.folder, args.force),
});

/** @returns the exit code; nothing is written when a file of somebody's own would be lost. */
function init(name: string, force: boolean): number {
  const folder = resolve(name);
  const kept = inTheWay(folder);
  if (kept.length > 0 && !force) {
    process.stderr.write(`resty: there already, in ${folder}: ${kept.join(", ")}; --force replaces them\n`);
    return 1;
  }
  try {
    unpack(folder);
    writeTypes(folder);
  } catch (error) {
    process.stderr.write(`resty: cannot write into ${folder}: ${(error as Error).message}\n`);
    return 1;
  }
  say.success(`wrote ${embeddedFiles().length} files; now:\n  resty serve ${name.replace(/\/$/, "")}/conf`);
  return 0;
}

const project = {
  compilerOptions: { ...compilerOptions, types: [] },
  include: ["handlers", "types"],
};

/** What an editor needs to complete and check handlers, with nothing installed. */
function writeTypes(folder: string): void {
  mkdirSync(join(folder, "types"), { recursive: true });
  const files = embeddedFiles().map((path) => join(folder, path));
  writeFileSync(join(folder, "types/resty.d.ts"), declarations());
  writeFileSync(join(folder, "types/bun.d.ts"), looseDeclarations(files, [declarations()]));
  const file = join(folder, "tsconfig.json");
  if (!existsSync(file)) writeFileSync(file, `${JSON.stringify(project, null, 2)}\n`);
}
