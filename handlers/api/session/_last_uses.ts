import { ngx } from "resty";

/** Sessions that may wait for their time to be written. */
const waitingMax = 100_000;
const everySeconds = 1;

/** Has `last_accessed` written within a second, after the answer: many uses of a session are one write. */
export class LastUses {
  #waiting = new Map<string, number>();
  #writing = false;
  #dropped = 0;
  #failing = false;
  /** The worker stops, or has other scripts by now: no timer comes any more, though a request still may. */
  #ending = false;

  /** @param store Writes times of last access, in Unix seconds, by id. */
  constructor(private readonly store: (times: ReadonlyMap<string, number>) => Promise<void>) {
    ngx.timer.every(everySeconds, (last) => this.#write(last));
  }

  add(id: string, seconds: number): void {
    if (this.#ending) queueMicrotask(() => void this.#write(true));
    if (this.#waiting.size < waitingMax || this.#waiting.has(id)) this.#waiting.set(id, seconds);
    else this.#dropped++;
  }

  async #write(last: boolean): Promise<void> {
    this.#ending ||= last;
    if (this.#waiting.size === 0 || (this.#writing && !last)) return;
    const times = this.#waiting;
    this.#waiting = new Map();
    this.#writing = true;
    try {
      await this.store(times);
      if (this.#failing) ngx.log("notice", `last_accessed is written again; ${this.#dropped} were lost`);
      this.#failing = false;
      this.#dropped = 0;
    } catch (error) {
      if (!this.#ending) for (const [id, seconds] of times) if (!this.#waiting.has(id)) this.add(id, seconds);
      const what = this.#ending ? "is lost" : "cannot be written now";
      if (!this.#failing || this.#ending)
        ngx.log("warn", `last_accessed of ${times.size} sessions ${what}: ${(error as Error).message}`);
      this.#failing = true;
    } finally {
      this.#writing = false;
    }
  }
}
