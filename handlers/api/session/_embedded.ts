import { ngx, type SessionSettings, type SharedDict, StoreRefused, StoreUnavailable } from "resty";
import { createdAtOf, fieldsOf, headOf, member, NONE, type Session } from "./_session.ts";
import type { SessionStore } from "./_store.ts";

/** Sessions whose times are written without a break. */
const touchesAtOnce = 500;

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

  peek(id: string): string {
    return (this.#dict.get(id) as string | undefined) ?? NONE;
  }

  async find(id: string): Promise<string> {
    return this.peek(id);
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
  }

  update(id: string, userData: string, now: number): string {
    const dict = this.#dict;
    for (;;) {
      const old = dict.get(id) as string | undefined;
      if (old === undefined) return NONE;
      const fields = fieldsOf(old);
      const head = headOf({ ...fields, user_data: userData });
      const stored = dict.safeCompareAndSet(id, old, head, this.#secondsLeft(fields.created_at, now), now);
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

  async touch(times: ReadonlyMap<string, number>): Promise<void> {
    const dict = this.#dict;
    let count = 0;
    for (const [id, seconds] of times) {
      if (++count % touchesAtOnce === 0) await Bun.sleep(0); // requests wait meanwhile
      const entry = dict.getWithFlags(id);
      if (!entry || entry.flags >= seconds) continue;
      const head = entry.value as string;
      // One that was updated or deleted meanwhile has a newer time, or none.
      dict.safeCompareAndSet(id, head, head, this.#secondsLeft(createdAtOf(head), seconds), seconds);
    }
  }

  #secondsLeft(createdAt: number, now: number): number {
    const { lifetimeSeconds, sliding } = this.settings;
    return sliding ? lifetimeSeconds : Math.max(1, createdAt + lifetimeSeconds - now);
  }
}
