/** The tree that an executable carries: `conf/` and `handlers/`; in a checkout, the checkout's own. */
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { isExecutable } from "./self.ts";

const embeddedRoot = isExecutable ? import.meta.dir : resolve(import.meta.dir, "../..");
const embeddedFolders = ["conf", "handlers"];

/** Paths of all files, with "/" between folders, sorted. */
export function embeddedFiles(): string[] {
  const files: string[] = [];
  for (const folder of embeddedFolders) {
    const path = join(embeddedRoot, folder);
    if (!existsSync(path)) continue;
    for (const name of readdirSync(path, { recursive: true, encoding: "utf8" }))
      if (statSync(join(path, name)).isFile()) files.push(`${folder}/${name.replaceAll("\\", "/")}`);
  }
  return files.sort();
}

/** @throws what reading throws for a path that `embeddedFiles` does not give. */
export function readEmbedded(path: string): Uint8Array {
  return readFileSync(join(embeddedRoot, path));
}

/** Files that stand in `folder` already, where `unpack` would put those of the executable. */
export function inTheWay(folder: string): string[] {
  return embeddedFiles().filter((path) => existsSync(join(folder, path)));
}

/** Writes the tree into `folder`, over what is there; a file that is the same already is left alone. */
export function unpack(folder: string): void {
  for (const path of embeddedFiles()) {
    const target = join(folder, path);
    const bytes = readEmbedded(path);
    if (existsSync(target) && readFileSync(target).equals(bytes)) continue;
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, bytes);
  }
}

/**
 * Unpacks the tree for a server that was started without a configuration: files have to be on a disk to be sent
 * piecewise, and handlers to be read as TypeScript (neither works inside an executable of Bun 1.4.5).
 * @returns The folder, which is the prefix: logs are in it too.
 * @throws what writing throws, when neither the state nor the temporary folder can be used.
 */
export function unpackForServing(): string {
  const folders = [stateFolder(), join(tmpdir(), `resty-${process.getuid?.() ?? "user"}`)];
  let failure: unknown;
  for (const folder of folders) {
    try {
      mkdirSync(join(folder, "logs"), { recursive: true, mode: 0o755 });
      if (!isOwn(folder)) throw new Error(`${folder} belongs to another user`);
      unpack(folder);
      return folder;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** Where programs keep what is neither configuration nor cache; systemd gives services one of their own. */
function stateFolder(): string {
  const { STATE_DIRECTORY, XDG_STATE_HOME, LOCALAPPDATA } = process.env;
  if (STATE_DIRECTORY) return STATE_DIRECTORY.split(":")[0]!;
  return join(XDG_STATE_HOME ?? LOCALAPPDATA ?? join(homedir(), ".local/state"), "resty");
}

/** In a folder that all may write to, somebody else may have put one of this name, with handlers of theirs. */
function isOwn(folder: string): boolean {
  const { uid, mode } = lstatSync(folder);
  return process.getuid === undefined || (uid === process.getuid() && (mode & 0o022) === 0);
}
