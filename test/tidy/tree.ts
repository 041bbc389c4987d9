import { resolve } from "node:path";

/** The checkout. */
export const root = resolve(import.meta.dir, "../..");

/** Folders of src/: each imports only itself and those before it. */
export const layers = "std core config shm clients router ngx compile modules runtime master cli".split(" ");

/** Files of the repository that match a pattern, with what is in them. */
export async function* sources(pattern: string): AsyncGenerator<{ path: string; text: string }> {
  for await (const path of new Bun.Glob(pattern).scan({ cwd: root, dot: false })) {
    if (path.startsWith("node_modules/") || path.startsWith("dist/")) continue;
    yield { path, text: await Bun.file(resolve(root, path)).text() };
  }
}
