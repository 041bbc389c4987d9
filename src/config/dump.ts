import { commandLine } from "./text.ts";

/** What `-T` prints: each file once, byte for byte, under a line with its path. */
export function dump(sources: ReadonlyMap<string, string>): Buffer {
  const parts: Buffer[] = [];
  for (const [path, bytes] of sources) {
    if (path === commandLine) continue;
    parts.push(Buffer.from(`# configuration file ${path}:\n`), Buffer.from(`${bytes}\n`, "latin1"));
  }
  return Buffer.concat(parts);
}
