import { readFileSync } from "node:fs";
import type { Cycle } from "../core/cycle.ts";
import { persistedDicts } from "../modules/shared_dict/shared_dict.ts";
import { SharedDict } from "../shm/dict.ts";
import type { FileOwner } from "../shm/file.ts";
import { restoreSnapshot, saveSnapshot } from "../shm/snapshot.ts";
import type { Zone } from "../shm/zone.ts";
import { cycleZones } from "../shm/zones.ts";
import type { Log } from "./contract.ts";

const saveEveryMs = 60_000;

interface Kept {
  readonly dict: SharedDict;
  readonly file: string;
}

interface Held {
  readonly zone: Zone;
  /** Of a dictionary with `persist=`. */
  readonly kept: Kept | undefined;
}

/**
 * The master's hold on shared memory: it opens every zone before the workers do, so that none is lost when a worker
 * dies, and removes them when the server stops. Dictionaries with `persist=` are kept in their files.
 */
export class MasterZones {
  /** By path. */
  #held = new Map<string, Held>();
  #wanted = new Map<string, Held>();
  #timer: Timer | undefined;

  constructor(private readonly log: Log) {}

  /** Opens the zones of a configuration before workers do. */
  open(cycle: Cycle, owner?: FileOwner): void {
    const zones = cycle.get(cycleZones);
    for (const notice of zones.open(owner)) this.log("notice", notice);
    this.#wanted = new Map();
    for (const { name, zone } of zones.declared.values()) {
      const file = cycle.get(persistedDicts).get(name);
      this.#wanted.set(zone!.path, { zone: zone!, kept: file === undefined ? undefined : this.#restore(zone!, file) });
    }
  }

  /** The configuration serves: removes the zones that it no longer has. */
  use(): void {
    const before = this.#held;
    this.#held = this.#wanted;
    for (const [path, { zone }] of before) {
      if (!this.#held.has(path)) zone.unlink();
      else if (this.#held.get(path)!.zone !== zone) zone.close();
    }
    clearInterval(this.#timer);
    if ([...this.#held.values()].some(({ kept }) => kept))
      this.#timer = setInterval(() => this.save(), saveEveryMs).unref();
  }

  #restore(zone: Zone, file: string): Kept {
    const dict = new SharedDict(zone);
    const restored = zone.isNew ? restoreSnapshot(dict, file) : "missing";
    if (typeof restored === "number")
      this.log("notice", `shared_dict "${zone.name}": ${restored} keys restored from ${file}`);
    else if (restored !== "missing")
      this.log("error", `shared_dict "${zone.name}": ${file} is ${restored}, nothing is restored`);
    return { dict, file };
  }

  save(): void {
    for (const { zone, kept } of this.#held.values()) {
      if (!kept) continue;
      try {
        saveSnapshot(kept.dict, kept.file);
      } catch (error) {
        this.log("error", `shared_dict "${zone.name}": cannot be saved: ${(error as Error).message}`);
      }
    }
  }

  /** The server has stopped. @param pidFile Names the master that goes on, after an upgrade: the zones are its now. */
  end(pidFile: string): void {
    clearInterval(this.#timer);
    this.save();
    const passedOn = otherMaster(pidFile);
    for (const { zone } of this.#held.values()) {
      if (passedOn) zone.close();
      else zone.unlink();
    }
    this.#held.clear();
  }
}

function otherMaster(pidFile: string): boolean {
  try {
    const pid = Number.parseInt(readFileSync(pidFile, "latin1"), 10);
    return pid > 0 && pid !== process.pid;
  } catch {
    return false;
  }
}
