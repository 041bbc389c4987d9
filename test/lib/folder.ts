import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A file a test wants to have: what is in it, and what else matters. */
export type FileContent =
  string | Uint8Array | { readonly content: string | Uint8Array; readonly mode?: number; readonly modified?: Date };

/** A folder of a test's own under the system's temporary one; other users may look into it, as workers may be one. */
export function makeFolder(kind: string): string {
  const folder = mkdtempSync(join(tmpdir(), `resty-${kind}-`));
  chmodSync(folder, 0o755);
  return folder;
}

export function writeFiles(folder: string, files: Readonly<Record<string, FileContent>>): void {
  for (const [name, file] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    if (typeof file === "string" || file instanceof Uint8Array) {
      writeFileSync(path, file);
      continue;
    }
    writeFileSync(path, file.content);
    if (file.mode !== undefined) chmodSync(path, file.mode);
    if (file.modified) utimesSync(path, file.modified, file.modified);
  }
}

/** With KEEP=1 in the environment what a test wrote stays, to be looked at. */
export function removeFolder(folder: string): void {
  if (!process.env.KEEP) rmSync(folder, { recursive: true, force: true });
  else process.stderr.write(`kept ${folder}\n`);
}
