import { ownerLives, ownerWord } from "./lock.ts";
import { T_NUMBER } from "./layout.ts";
import type { Table } from "./table.ts";
import { Staged } from "./value.ts";
import type { Zone } from "./zone.ts";

export interface MutexOptions {
  /** How long `lock` waits; 0 does not wait. */
  timeoutSeconds?: number;
  /** After this a lock is free again, whatever its owner does, unless the owner extends it. */
  leaseSeconds?: number;
}

/** A lock that is held. `using held = …` gives it back at the end of the block. */
export class Held {
  /** How long it took to get it. */
  readonly waitedSeconds: number;
  readonly #leases: Leases;
  readonly #name: string;
  readonly #token: number;

  /** @internal */
  constructor(leases: Leases, name: string, token: number, waitedSeconds: number) {
    this.#leases = leases;
    this.#name = name;
    this.#token = token;
    this.waitedSeconds = waitedSeconds;
  }

  /** @returns False when the lease had run out before. */
  unlock(): boolean {
    return this.#leases.release(this.#name, this.#token);
  }

  /** Begins the lease anew. @returns False when it had run out before. */
  extend(leaseSeconds: number): boolean {
    return this.#leases.extend(this.#name, this.#token, leaseSeconds);
  }

  [Symbol.dispose](): void {
    this.unlock();
  }
}

/**
 * Locks by name between workers, for work that takes milliseconds to minutes, as lua-resty-lock has them: the waiting
 * is asynchronous. A lock is free again when it is unlocked, when its lease runs out, or when its process has died.
 */
export class Mutex {
  readonly #leases: Leases;
  readonly #timeoutSeconds: number;
  readonly #leaseSeconds: number;

  /** @internal */
  constructor(zone: Zone, options: MutexOptions = {}) {
    this.#leases = new Leases(zone.table, "mutex ");
    this.#timeoutSeconds = options.timeoutSeconds ?? 5;
    this.#leaseSeconds = options.leaseSeconds ?? 30;
  }

  /** Waits for the lock and takes it. Not reentrant. `name` may have up to 65 500 bytes. */
  async lock(name: string): Promise<Held | "timeout" | "no memory"> {
    const start = performance.now();
    for (let stepMs = 1; ; stepMs = Math.min(stepMs * 2, 100)) {
      const token = this.#leases.take(name, this.#leaseSeconds);
      const waitedSeconds = (performance.now() - start) / 1000;
      if (token > 0) return new Held(this.#leases, name, token, waitedSeconds);
      if (token === NO_ROOM) return "no memory";
      const leftMs = (this.#timeoutSeconds - waitedSeconds) * 1000;
      if (leftMs <= 0) return "timeout";
      await Bun.sleep(Math.min(stepMs * (0.5 + Math.random()), leftMs));
    }
  }

  /** Takes the lock if it is free. */
  tryLock(name: string): Held | "busy" | "no memory" {
    const token = this.#leases.take(name, this.#leaseSeconds);
    if (token > 0) return new Held(this.#leases, name, token, 0);
    return token === NO_ROOM ? "no memory" : "busy";
  }
}

/** What `Leases.take` answers when another holds the lease. */
const BUSY = 0;
const NO_ROOM = -1;

/**
 * Marks in a zone, which users of its keys do not see, that say who may do something and until when. A token is the
 * owner's word, as a lock has it, and a count: no two are the same.
 * @internal
 */
export class Leases {
  readonly #table: Table;
  readonly #space: string;
  readonly #staged = new Staged();

  /** @param space Keeps names of different users apart. */
  constructor(table: Table, space: string) {
    this.#table = table;
    this.#space = space;
  }

  /** @returns A token, 0 when another that lives holds it, or -1 when there is no room for it. */
  take(name: string, seconds: number): number {
    const found = this.#read(name);
    if (found > 0 && ownerLives(ownerOf(found))) return BUSY;
    const table = this.#table;
    if (!table.setHiddenKey(this.#space + name)) return NO_ROOM;
    const token = ownerWord * 2 ** 21 + nextCount();
    table.lock();
    try {
      const entry = table.findLive();
      if (entry !== 0 && table.valueOf(entry) !== found) return BUSY; // somebody else was faster
      this.#staged.stageNumber(T_NUMBER, token);
      const expires = Date.now() + Math.max(seconds * 1000, 1);
      return table.store(table.find(), this.#staged, expires, 0, true) !== 0 ? token : NO_ROOM;
    } finally {
      table.unlock();
    }
  }

  release(name: string, token: number): boolean {
    return this.#withOwn(name, token, (entry) => this.#table.remove(entry, 0));
  }

  extend(name: string, token: number, seconds: number): boolean {
    return this.#withOwn(name, token, (entry) =>
      this.#table.setExpiry(entry, Date.now() + Math.max(seconds * 1000, 1)),
    );
  }

  #read(name: string): number {
    if (!this.#table.setHiddenKey(this.#space + name)) return 0;
    const token = this.#table.peek();
    return typeof token === "number" ? token : 0;
  }

  #withOwn(name: string, token: number, work: (entry: number) => void): boolean {
    const table = this.#table;
    if (!table.setHiddenKey(this.#space + name)) return false;
    table.lock();
    try {
      const entry = table.findLive();
      if (entry === 0 || table.valueOf(entry) !== token) return false;
      work(entry);
      return true;
    } finally {
      table.unlock();
    }
  }
}

const ownerOf = (token: number): number => Math.floor(token / 2 ** 21);

let count = 0;
function nextCount(): number {
  count = (count + 1) % 2 ** 21;
  return count;
}
