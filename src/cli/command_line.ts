import { defineCommand, runCommand } from "citty";
import { serveCommand } from "./serve.ts";

export const root = defineCommand({
  meta: { name: "resty", description: "A programmable web platform: nginx's configuration, TypeScript in every phase" },
  subCommands: { serve: serveCommand },
});

/** @returns the exit code: 0 done, 1 failed, 2 wrong usage. */
export async function runCommandLine(argv: string[]): Promise<number> {
  const { result } = await runCommand(root, { rawArgs: argv });
  return typeof result === "number" ? result : 0;
}
