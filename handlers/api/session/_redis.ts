import {
  ngx,
  type Redis,
  type RedisChannel,
  type RedisReply,
  RedisScript,
  type SessionSettings,
  StoreRefused,
} from "resty";
import { SessionCache } from "./_cache.ts";
import { database } from "./_database.ts";
import { LastUses } from "./_last_uses.ts";
import { createdAtOf, headOf, member, NONE, nowSeconds, type Session } from "./_session.ts";
import type { Known, SessionStore } from "./_store.ts";
import { Turn } from "./_turn.ts";

/** Ids of sessions that were changed go over it to all machines. */
const channelName = "resty:session:changed";
/** How long it is remembered that there is no such session. */
const missingSeconds = 2;
/** Commands of writing times of last access that wait for their answers together. */
const commandsAtOnce = 100;
/** Sessions that one command is about: Redis does nothing else meanwhile. */
const atOnce = 100;

/**
 * When to look at sessions with a sliding lifetime, by id: Redis's own notices of what expires are lost on whom is not
 * listening at the moment. It is the end that a session would have if nobody used it any more, and is not kept up to
 * date: one that lives when it is looked at gets a new time.
 */
const dueKey = "resty:session:due";
/** Sessions that are looked at together. */
const dueAtOnce = 500;

// What follows takes many sessions in one argument: words of a command cost a worker 0.3 µs each (node-redis 6.3), and
// Redis reads JSON or ids in a row as fast. In a cluster, where a command is about one session, its key is declared.

const createScript = new RedisScript(`
  local list = cjson.decode(ARGV[1])
  for i = 1, #list, 4 do
    local key, now = 'session:' .. list[i], list[i + 3]
    redis.call('HSET', key, 'user_id', list[i + 1], 'user_data', list[i + 2], 'created_at', now, 'last_accessed', now)
    redis.call('EXPIRE', key, ARGV[2])
  end`);

// Answers a line a session: its head, a tab and `last_accessed`; JSON has neither tabs nor newlines in it. A hundred
// sessions cost a worker 35 µs so, and 520 by a HMGET each (node-redis 6.3), though Redis 170 instead of 80. Such keys
// are not declared, which a cluster would not have.
const readScript = new RedisScript(`
  local function text(value)
    local json = cjson.encode(value)
    if json:find('/', 1, true) then json = json:gsub('\\\\/', '/') end
    return json
  end
  local function number(value) return value and value:match('^[1-9]%d*$') or '0' end
  local lines = {}
  for at = 1, #ARGV[1], 32 do
    local key = 'session:' .. ARGV[1]:sub(at, at + 31)
    local own = redis.pcall('HMGET', key, 'user_id', 'user_data', 'created_at', 'last_accessed')
    if own.err and not own.err:find('WRONGTYPE', 1, true) then error(own.err) end
    lines[#lines + 1] = own[1] and '{"user_id":' .. text(own[1]) .. ',"user_data":' .. text(own[2] or '')
      .. ',"created_at":' .. number(own[3]) .. ',"last_accessed":\\t' .. number(own[4]) or ''
  end
  return table.concat(lines, '\\n')`);

// A session that has ended meanwhile must not come back as a hash of the fields that were to be changed.
const updateScript = new RedisScript(`
  if redis.call('HEXISTS', KEYS[1], 'user_id') == 0 then return false end
  redis.call('HSET', KEYS[1], 'user_data', ARGV[1], 'last_accessed', ARGV[2])
  if ARGV[3] ~= '' then redis.call('EXPIRE', KEYS[1], ARGV[3]) end
  redis.call('PUBLISH', '${channelName}', ARGV[4])
  return redis.call('HMGET', KEYS[1], 'user_id', 'user_data', 'created_at', 'last_accessed')`);

const deleteScript = new RedisScript(`
  local user = redis.call('HGET', KEYS[1], 'user_id')
  if redis.call('DEL', KEYS[1]) == 0 then return false end
  redis.call('PUBLISH', '${channelName}', ARGV[1])
  return user or ''`);

const touchScript = new RedisScript(`
  local times = ARGV[2]
  for i = 1, #times / 10 do
    local key, time = 'session:' .. ARGV[1]:sub(i * 32 - 31, i * 32), times:sub(i * 10 - 9, i * 10)
    local last = redis.pcall('HGET', key, 'last_accessed')
    if type(last) == 'string' and (tonumber(last) or 0) < tonumber(time) then
      redis.call('HSET', key, 'last_accessed', time)
      if ARGV[3] ~= '' then redis.call('EXPIRE', key, ARGV[3]) end
    end
  end`);

/** What TTL answers for a key that is not there. */
const gone = -2;

const keyOf = (id: string): string => `session:${id}`;

interface Found {
  readonly head: string;
  readonly lastAccessed: number;
}

const nothing: Found = { head: NONE, lastAccessed: 0 };

/** A read that is under way in this worker. */
interface Flight {
  readonly ticket: number;
  readonly found: Promise<Found>;
}

/** Sessions as hashes in Redis, `session:<id>`, behind a cache in shared memory. */
export class RedisStore implements SessionStore {
  readonly #cache: SessionCache | undefined;
  readonly #channel: RedisChannel | undefined;
  readonly #flights = new Map<string, Flight>();
  readonly #reads: Turn<string, Found>;
  readonly #uses = new LastUses((times) => this.#writeUses(times));
  readonly #creates: Turn<{ readonly id: string; readonly session: Session }, void>;
  /** What EXPIRE is given each time a session is used; "" where lifetimes do not slide. */
  readonly #slide: string;

  constructor(
    private readonly redis: Redis,
    private readonly settings: SessionSettings,
  ) {
    // In a cluster, one command is about keys of one slot.
    const many = redis.options.cluster ? 1 : atOnce;
    this.#reads = new Turn((ids) => this.#readMany(ids), many);
    this.#creates = new Turn((sessions) => this.#createInRedis(sessions), many);
    const dict = ngx.shared["session_cache"];
    this.#slide = settings.sliding ? String(settings.lifetimeSeconds) : "";
    if (!dict || settings.cacheSeconds === 0) return;
    const cache = (this.#cache = new SessionCache(dict, settings.cacheSeconds));
    this.#channel = redis.subscribe(channelName, {
      onMessage: (id) => cache.forget(id),
      onGap: () => cache.forgetAll(),
    });
  }

  /** Whether all changes until a short while ago are known to have arrived: a machine that is cut off knows it. */
  #isCoherent(nowMs: number): boolean {
    return this.#channel !== undefined && nowMs < this.#channel.completeUntilMs + this.settings.staleMs;
  }

  peek(id: string, nowMs: number): Known | undefined {
    return this.#isCoherent(nowMs) ? this.#cache!.get(id) : undefined;
  }

  async find(id: string): Promise<string> {
    return (await this.#read(id)).head;
  }

  async findMany(ids: readonly string[]): Promise<string> {
    const cache = this.#isCoherent(Date.now()) ? this.#cache : undefined;
    let text = "";
    const missing: string[] = [];
    const tickets: number[] = [];
    for (const id of ids) {
      const known = cache?.get(id);
      if (known === undefined) {
        missing.push(id);
        if (cache) tickets.push(cache.reading(id));
      } else if (known.value !== NONE) text += member(text, id, known.value, known.flags);
    }
    if (missing.length === 0) return text;
    const found = await this.#readMany(missing);
    for (let i = 0; i < missing.length; i++) {
      const { head, lastAccessed } = found[i]!;
      if (head !== NONE) text += member(text, missing[i]!, head, lastAccessed);
      if (cache) this.#keep(cache, missing[i]!, tickets[i]!, found[i]!);
    }
    return text;
  }

  #read(id: string): Promise<Found> {
    const cache = this.#cache;
    if (!cache) return this.#reads.add(id);
    const flight = this.#flights.get(id);
    // One that began before the session was changed, here or elsewhere, brings what was true then.
    if (flight && cache.isCurrent(id, flight.ticket)) return flight.found;
    const ticket = cache.reading(id);
    const found = this.#fetch(cache, id, ticket);
    if (ticket !== 0) {
      const own: Flight = { ticket, found };
      this.#flights.set(id, own);
      const land = (): void => {
        if (this.#flights.get(id) === own) this.#flights.delete(id);
      };
      found.then(land, land);
    }
    return found;
  }

  async #fetch(cache: SessionCache, id: string, ticket: number): Promise<Found> {
    const found = await this.#reads.add(id);
    this.#keep(cache, id, ticket, found);
    return found;
  }

  #keep(cache: SessionCache, id: string, ticket: number, found: Found): void {
    const seconds = found.head === NONE ? missingSeconds : this.#secondsLeft(found);
    cache.keep(id, ticket, found.head, found.lastAccessed, seconds);
  }

  /** How long a session may still be kept for sure, without asking Redis for its lifetime. */
  #secondsLeft({ head, lastAccessed }: Found): number {
    const { lifetimeSeconds, sliding } = this.settings;
    const start = sliding ? lastAccessed : createdAtOf(head);
    return start + lifetimeSeconds - nowSeconds();
  }

  /** What a command about one session, or many where there is no cluster, names as its keys. */
  #declared(id: string): string[] {
    return this.redis.options.cluster ? [keyOf(id)] : [];
  }

  /** By one command, wherever that can be. */
  async #readMany(ids: readonly string[]): Promise<readonly Found[]> {
    if (ids.length > 1 && !this.redis.options.cluster) {
      const lines = (await this.redis.run(readScript, [], [ids.join("")])) as string;
      return lines.split("\n").map(foundInLine);
    }
    const read = (id: string) => orNone(this.redis.send(keyOf(id), ["HMGET", keyOf(id), ...fieldNames]));
    return (await Promise.all(ids.map(read))).map(foundIn);
  }

  async create(id: string, session: Session): Promise<void> {
    await this.#creates.add({ id, session });
    this.#cache?.put(id, headOf(session), session.last_accessed, this.settings.lifetimeSeconds);
  }

  async #createInRedis(sessions: readonly { readonly id: string; readonly session: Session }[]): Promise<void[]> {
    const list: string[] = [];
    for (const { id, session } of sessions)
      list.push(id, session.user_id, session.user_data, String(session.created_at));
    const lifetime = String(this.settings.lifetimeSeconds);
    const keys = this.#declared(sessions[0]!.id);
    const writes: Promise<unknown>[] = [this.redis.run(createScript, keys, [JSON.stringify(list), lifetime])];
    if (this.settings.sliding && database) writes.push(this.#lookAt(sessions));
    await Promise.all(writes);
    return [];
  }

  /** In a command of its own: of a cluster, another node may have that key. One that was not made has no end either. */
  #lookAt(sessions: readonly { readonly id: string; readonly session: Session }[]): Promise<RedisReply> {
    const { lifetimeSeconds } = this.settings;
    const times = sessions.flatMap(({ id, session }) => [String(session.created_at + lifetimeSeconds), id]);
    return this.redis.send(dueKey, ["ZADD", dueKey, ...times]);
  }

  async takeEnded(now: number, take: (ids: readonly string[]) => Promise<void>): Promise<void> {
    for (;;) {
      const due = ["ZRANGEBYSCORE", dueKey, "-inf", String(now), "LIMIT", "0", String(dueAtOnce)];
      const ids = (await this.redis.send(dueKey, due)) as string[];
      if (ids.length === 0) return;
      const left = await Promise.all(ids.map((id) => this.redis.send(keyOf(id), ["TTL", keyOf(id)])));
      const ended = ids.filter((_, i) => left[i] === gone);
      // One that somebody has given an endless life is looked at now and then.
      const again = ids.flatMap((id, i) => {
        const seconds = left[i] as number;
        return seconds === gone
          ? []
          : [String(nowSeconds() + (seconds < 0 ? this.settings.lifetimeSeconds : seconds)), id];
      });
      if (again.length > 0) await this.redis.send(dueKey, ["ZADD", dueKey, "XX", ...again]);
      if (ended.length > 0) {
        await take(ended);
        await this.redis.send(dueKey, ["ZREM", dueKey, ...ended]);
      }
      if (ids.length < dueAtOnce) return;
    }
  }

  async update(id: string, userData: string, now: number): Promise<string> {
    try {
      const reply = await orNone(this.redis.run(updateScript, [keyOf(id)], [userData, String(now), this.#slide, id]));
      return foundIn(reply).head;
    } finally {
      this.#cache?.forget(id); // also when nobody knows whether it was written
    }
  }

  async delete(id: string): Promise<string | undefined> {
    try {
      const user = await orNone(this.redis.run(deleteScript, [keyOf(id)], [id]));
      return typeof user === "string" ? user : undefined;
    } finally {
      this.#cache?.forget(id);
    }
  }

  use(id: string, seconds: number): void {
    this.#cache?.touch(id, seconds);
    this.#uses.add(id, seconds);
  }

  async #writeUses(times: ReadonlyMap<string, number>): Promise<void> {
    const all = [...times];
    const step = this.redis.options.cluster ? 1 : atOnce;
    let writes: Promise<void>[] = [];
    for (let at = 0; at < all.length; at += step) {
      writes.push(this.#writeSome(all.slice(at, at + step)));
      if (writes.length < commandsAtOnce) continue;
      await Promise.all(writes); // requests wait for their answers too
      writes = [];
    }
    await Promise.all(writes);
  }

  async #writeSome(some: readonly (readonly [id: string, seconds: number])[]): Promise<void> {
    let ids = "";
    let times = "";
    for (const [id, seconds] of some) {
      ids += id;
      times += seconds; // ten digits, until 2286
    }
    await this.redis.run(touchScript, this.#declared(some[0]![0]), [ids, times, this.#slide]);
  }
}

/** A key that holds something else than a hash holds no session. */
function orNone(reply: Promise<RedisReply>): Promise<RedisReply> {
  return reply.catch((error: unknown) => {
    if (error instanceof StoreRefused && error.code === "WRONGTYPE") return null;
    throw error;
  });
}

const fieldNames = ["user_id", "user_data", "created_at", "last_accessed"];

/** The fields' values; a hash without a user is no session. */
function foundIn(reply: RedisReply): Found {
  if (!Array.isArray(reply) || typeof reply[0] !== "string") return nothing;
  const [user_id, user_data, created_at, last_accessed] = reply as [string, ...(string | null)[]];
  const head = headOf({ user_id, user_data: user_data ?? "", created_at: Number(created_at) || 0 });
  return { head, lastAccessed: Number(last_accessed) || 0 };
}

function foundInLine(line: string): Found {
  const tab = line.indexOf("\t");
  return tab < 0 ? nothing : { head: line.slice(0, tab), lastAccessed: Number(line.slice(tab + 1)) };
}
