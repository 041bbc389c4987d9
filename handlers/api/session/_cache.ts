import type { SharedDict } from "resty";
import type { Known } from "./_store.ts";

/** How long a worker may take to read what it said it would. */
const readingSeconds = 10;
/** A larger one would push too many others out. */
const headLengthMax = 65_536;

/**
 * What is known of sessions, in memory that all workers share, in front of the store. A key holds a head, "" where
 * there is no such session, or a number: somebody is reading it from the store at the moment.
 *
 * The number keeps what is out of date out: who writes a session removes the key, so that who read the session before
 * that does not find its number any more, and does not put what it has read in its place.
 */
export class SessionCache {
  #count = Math.floor(Math.random() * 2 ** 40);

  constructor(
    private readonly dict: SharedDict,
    private readonly seconds: number,
  ) {}

  get(id: string): Known | undefined {
    const known = this.dict.getWithFlags(id);
    return known && typeof known.value === "string" ? (known as Known) : undefined;
  }

  /** Before a session is read from the store. @returns what to give `keep`, 0 when another is reading it already */
  reading(id: string): number {
    const ticket = process.pid * 2 ** 24 + (this.#count++ % 2 ** 24);
    return this.dict.add(id, ticket, readingSeconds) === true ? ticket : 0;
  }

  /** Is what was being read with this ticket still good? */
  isCurrent(id: string, ticket: number): boolean {
    return ticket !== 0 && this.dict.get(id) === ticket;
  }

  /** Keeps what was read, if nobody has written it since `reading`. */
  keep(id: string, ticket: number, head: string, lastAccessed: number, seconds = this.seconds): void {
    if (ticket === 0 || seconds <= 0 || head.length > headLengthMax) return;
    this.dict.compareAndSet(id, ticket, head, Math.min(seconds, this.seconds), lastAccessed);
  }

  /** A session that nobody else can know of yet. */
  put(id: string, head: string, lastAccessed: number, seconds: number): void {
    if (head.length <= headLengthMax) this.dict.set(id, head, Math.min(seconds, this.seconds), lastAccessed);
  }

  /** After a session was written. */
  forget(id: string): void {
    this.dict.delete(id);
  }

  /** Writes when a session was last used beside what is known of it: then nobody else need tell the store. */
  touch(id: string, seconds: number): void {
    const known = this.dict.getWithFlags(id);
    if (!known || known.value === "" || known.flags >= seconds) return;
    // Who is reading the session may have got it with the time before.
    if (typeof known.value !== "string") return this.forget(id);
    const left = this.dict.ttl(id);
    if (left !== "not found") this.dict.compareAndSet(id, known.value, known.value, left, seconds);
  }

  forgetAll(): void {
    this.dict.flushAll();
  }
}
