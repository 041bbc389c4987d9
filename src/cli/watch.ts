import { type FSWatcher, rmSync, watch, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, sep } from "node:path";
import type { Plan } from "../core/plan.ts";
import { routeEntries } from "../modules/handlers/routes.ts";
import { generationKey } from "../ngx/generation.ts";

/** A save is often several changes in a row. */
const settleMs = 30;

/** Folders in which nothing is that a configuration or its handlers are made of. */
const ignored = /(?:^|\/)(?:logs|node_modules|\.git)(?:\/|$)|\.(?:log|pid|snap)$|~$|\.sw.$/;

/** Reloads when a file of the configuration, a handler or something beside them is saved. */
export class Watch {
  #watchers = new Map<string, FSWatcher>();
  #timer: Timer | undefined;
  /** When the first of the changes was seen that the next reload answers; 0 for none. */
  #changedMs = 0;

  /** What is wrong with the last change, for the workers to answer with. */
  readonly errorFile = join(tmpdir(), `resty-watch-${process.pid}`);

  /** @param file The main configuration file. */
  constructor(
    file: string,
    private readonly reload: () => void,
    private readonly say: (text: string) => void,
  ) {
    this.#open(dirname(file));
  }

  /** Watches what a configuration is made of, as soon as it is read. */
  follow({ cycle }: Plan, sources: Iterable<string>): void {
    for (const path of sources) if (path.startsWith("/")) this.#open(dirname(path));
    for (const { file } of cycle.get(routeEntries)) this.#open(dirname(file));
    for (const { modulePath } of cycle.get(generationKey).scripts) this.#open(dirname(modulePath));
  }

  /** A configuration serves now. */
  served(): void {
    if (this.#changedMs > 0) this.say(`resty: reloaded in ${Math.round(performance.now() - this.#changedMs)} ms\n`);
    this.#changedMs = 0;
    rmSync(this.errorFile, { force: true });
  }

  refused(text: string): void {
    this.say(`${text.trimEnd()}\nresty: the last change is not served\n`);
    writeFileSync(this.errorFile, Bun.stripANSI(text), { mode: 0o644 });
    this.#changedMs = 0;
  }

  close(): void {
    clearTimeout(this.#timer);
    rmSync(this.errorFile, { force: true });
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #open(folder: string): void {
    // A folder above another one sees what changes in it too.
    for (const known of this.#watchers.keys()) if (folder === known || folder.startsWith(known + sep)) return;
    try {
      const watcher = watch(folder, { recursive: true }, (_event, name) => {
        if (name === null || !ignored.test(name)) this.#changed();
      });
      watcher.on("error", () => this.#watchers.delete(folder));
      this.#watchers.set(folder, watcher);
    } catch {
      this.say(`resty: ${folder} cannot be watched\n`);
    }
  }

  #changed(): void {
    if (this.#changedMs === 0) this.#changedMs = performance.now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.reload, settleMs);
  }
}
