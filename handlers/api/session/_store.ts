import { ngx, type SessionSettings } from "resty";
import { EmbeddedStore } from "./_embedded.ts";
import { RedisStore } from "./_redis.ts";
import type { Session } from "./_session.ts";

/**
 * Where sessions are. A "head" is a session's JSON up to `last_accessed`, see `headOf`; `NONE` says that there is no
 * session of that id.
 * @throws StoreUnavailable, StoreRefused from everything but `peek`
 */
export interface SessionStore {
  /** The head, as far as it can be told without asking anybody; undefined where it cannot. */
  peek(id: string, nowMs: number): string | undefined;
  find(id: string): Promise<string>;
  /** Those that there are, as the members of a JSON object, by id. */
  findMany(ids: readonly string[]): Promise<string>;
  create(id: string, session: Session): void | Promise<void>;
  /** @returns the new head */
  update(id: string, userData: string, now: number): string | Promise<string>;
  /** @returns whose session it was, undefined when there was none */
  delete(id: string): Promise<string | undefined> | string | undefined;
  /** Writes when sessions were last used, of those that there still are. */
  touch(times: ReadonlyMap<string, number>): void | Promise<void>;
  /**
   * Finds the sessions with a sliding lifetime that have ended by themselves, by `now`. They are found again next time
   * if `take` throws.
   * @param take Gets some hundreds of them at a time.
   */
  takeEnded(now: number, take: (ids: readonly string[]) => Promise<void>): Promise<void>;
}

const settings = ngx.settings("session") as SessionSettings;
const redis = ngx.redis("main");

/** Redis where the configuration has one, else the memory that the workers share. */
export const store: SessionStore = redis ? new RedisStore(redis, settings) : new EmbeddedStore(settings);
