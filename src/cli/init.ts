import { resolve } from "node:path";
import { defineCommand } from "citty";
import { embeddedFiles, inTheWay, unpack } from "./embedded.ts";

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
  } catch (error) {
    process.stderr.write(`resty: cannot write into ${folder}: ${(error as Error).message}\n`);
    return 1;
  }
  process.stdout.write(`wrote ${embeddedFiles().length} files; now:\n  resty serve ${name.replace(/\/$/, "")}/conf\n`);
  return 0;
}
