import { ngx, type SessionSettings } from "resty";
import { EmbeddedStore } from "./_embedded.ts";
import { RedisStore } from "./_redis.ts";
import type { Session } from "./_session.ts";

/** What a dictionary has of a session: its head, `NONE` if there is no such session, and when it was last used. */
export interface Known {
  readonly value: string;
  readonly flags: number;
}

/**
 * Where sessions are. A "head" is a session's JSON up to `last_accessed`, see `headOf`; `NONE` says that there is no
 * session of that id.
 * @throws StoreUnavailable, StoreRefused from everything but `peek`
 */
export interface SessionStore {
  /** What can be told of a session without asking anybody; undefined where nothing can. */
  peek(id: string, nowMs: number): Known | undefined;
  find(id: string): Promise<string>;
  /** Those that there are, as the members of a JSON object, by id. */
  findMany(ids: readonly string[]): Promise<string>;
  create(id: string, session: Session): void | Promise<void>;
  /** @returns the new head */
  update(id: string, userData: string, now: number): string | Promise<string>;
  /** @returns whose session it was, undefined when there was none */
  delete(id: string): Promise<string | undefined> | string | undefined;
  /** Notes that a session is used. It is not in the way of the answer, and once in a second is enough. */
  use(id: string, seconds: number): void;
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
