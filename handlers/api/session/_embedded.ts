import { ngx, type SessionSettings, type SharedDict, StoreRefused, StoreUnavailable } from "resty";
import { database } from "./_database.ts";
import { fieldsOf, headOf, member, NONE, nowSeconds, type Session } from "./_session.ts";
import type { Known, SessionStore } from "./_store.ts";

const lastMoment = 0.001;
const unknown: Known = { value: NONE, flags: 0 };
/** Before the number of a list in the dictionary: ids of sessions that are to be looked at in the same short while. */
const duePrefix = "due:";
const dueKeysAtOnce = 1000;
const endedAtOnce = 500;

/**
 * Sessions in the shared dictionary `sessions`: a head by its id, with the time of the last access in the flags. They
 * outlive a reload and the death of a worker, and end with the server.
 */
export class EmbeddedStore implements SessionStore {
  constructor(private readonly settings: SessionSettings) {}

  get #dict(): SharedDict {
    const dict = ngx.shared["sessions"];
    if (!dict) throw new StoreUnavailable('neither "redis main url=…;" nor "shared_dict sessions SIZE;" is configured');
    return dict;
  }

  peek(id: string): Known {
    return (this.#dict.getWithFlags(id) as Known | undefined) ?? unknown;
  }

  async find(id: string): Promise<string> {
    return this.peek(id).value;
  }

  async findMany(ids: readonly string[]): Promise<string> {
    let found = "";
    for (const id of ids) {
      const entry = this.#dict.getWithFlags(id);
      if (entry) found += member(found, id, entry.value as string, entry.flags);
    }
    return found;
  }

  create(id: string, session: Session): void {
    // Room is never made by ending somebody else's session.
    const stored = this.#dict.safeAdd(id, headOf(session), this.settings.lifetimeSeconds, session.last_accessed);
    if (stored !== true) throw new StoreRefused("OOM", `shared dictionary "sessions": ${stored}`);
    if (this.settings.sliding && database) this.#lookAt(id, session.created_at + this.settings.lifetimeSeconds);
  }

  /**
   * A dictionary tells nobody of what ends in it: so it has lists of the sessions that may have ended by some time,
   * from which those that live go on to a later list. Where there is no room left for it, an end remains unnoted.
   */
  #lookAt(id: string, seconds: number): void {
    this.#dict.rpush(duePrefix + Math.floor(seconds / this.#dueStep), id);
  }

  /** How many seconds a list is about. */
  get #dueStep(): number {
    return Math.max(1, Math.min(60, Math.floor(this.settings.lifetimeSeconds / 60)));
  }

  async takeEnded(now: number, take: (ids: readonly string[]) => Promise<void>): Promise<void> {
    const dict = this.#dict;
    for (const list of await this.#dueLists(now)) {
      let ended: string[] = [];
      for (let id; (id = dict.lpop(list) as string | undefined) !== undefined;) {
        const left = dict.ttl(id);
        if (left === "not found") ended.push(id);
        else this.#lookAt(id, nowSeconds() + left);
        if (ended.length < endedAtOnce) continue;
        await this.#give(ended, list, take);
        ended = [];
      }
      if (ended.length > 0) await this.#give(ended, list, take);
    }
  }

  async #give(ids: readonly string[], list: string, take: (ids: readonly string[]) => Promise<void>): Promise<void> {
    try {
      await take(ids);
    } catch (error) {
      for (const id of ids) this.#dict.rpush(list, id);
      throw error;
    }
  }

  async #dueLists(now: number): Promise<string[]> {
    const lists: string[] = [];
    let cursor = 0;
    do {
      const found = this.#dict.scan(duePrefix, cursor, dueKeysAtOnce);
      lists.push(...found.keys);
      cursor = found.cursor;
      await Bun.sleep(0); // requests wait meanwhile
    } while (cursor !== 0);
    return lists.filter((list) => (Number(list.slice(duePrefix.length)) + 1) * this.#dueStep <= now);
  }

  update(id: string, userData: string, now: number): string {
    const dict = this.#dict;
    for (;;) {
      const old = dict.get(id) as string | undefined;
      if (old === undefined) return NONE;
      const head = headOf({ ...fieldsOf(old), user_data: userData });
      const stored = dict.safeCompareAndSet(id, old, head, this.#secondsLeft(id), now);
      if (stored === true) return head;
      if (stored !== "changed") throw new StoreRefused("OOM", `shared dictionary "sessions": ${stored}`);
    }
  }

  delete(id: string): string | undefined {
    const head = this.#dict.get(id) as string | undefined;
    if (head === undefined) return undefined;
    this.#dict.delete(id);
    return fieldsOf(head).user_id;
  }

  use(id: string, seconds: number): void {
    const { value: head, flags } = this.peek(id);
    if (head === NONE || flags >= seconds) return;
    // One that was updated or deleted meanwhile has a newer time, or none.
    this.#dict.safeCompareAndSet(id, head, head, this.#secondsLeft(id), seconds);
  }

  /** How long a session that is used now still lives. */
  #secondsLeft(id: string): number {
    const { lifetimeSeconds, sliding } = this.settings;
    if (sliding) return lifetimeSeconds;
    const left = this.#dict.ttl(id);
    return left === "not found" ? lastMoment : left; // it ends before it can be written
  }
}
