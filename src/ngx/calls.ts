import type { Request } from "../core/request.ts";

/** Bun's own, which its types leave out: writes without making a view. */
interface LatinBuffer extends Buffer {
  latin1Write(text: string, at: number, bytesMax: number): number;
}

// What scripts are doing, in memory that outlives a worker that has to be killed: see `describeCalls`. Written only
// where somebody will read it (`worker_stall_timeout`), and then without an allocation: 60 to 100 ns a call, otherwise
// 2 to 4 (Bun 1.4.5).

/** An entry: its state, the lengths of two texts, its number at 4, and the texts. */
const entryBytes = 256;
const numberAt = 4;
const whereAt = 8;
const whereBytes = 120;
const requestAt = whereAt + whereBytes;
const requestBytes = entryBytes - requestAt;
/** Calls inside calls, as of a body filter in a handler that prints. */
const nestedMax = 4;
/** Of those that wait, the latest so many are remembered. */
const waitingMax = 60;

const numberMax = 2 ** 32 - 1;
const entryOf = (number: number): number => nestedMax + (number % waitingMax);

const enum State {
  free,
  running,
  waiting,
}

export const callsBytes = entryBytes * (nestedMax + waitingMax);

/** The calls of scripts that are under way in this worker. */
class Calls {
  #memory: LatinBuffer | undefined;
  #depth = 0;
  #waited = 0;
  /** Which script each entry has been written for: most are used for the same one again and again. */
  readonly #wheres: string[] = [];

  /** Notes them in `memory`, of `callsBytes`, from now on. */
  share(memory: Uint8Array): void {
    memory.fill(0);
    this.#memory = Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength) as LatinBuffer;
    this.#depth = 0;
    this.#wheres.length = 0;
  }

  get isShared(): boolean {
    return this.#memory !== undefined;
  }

  /** A script is called: until `leave`. */
  enter(where: string, request?: Request): void {
    if (!this.#memory) return;
    if (this.#depth < nestedMax) this.#write(this.#depth, State.running, 0, where, request);
    this.#depth++;
  }

  leave(): void {
    if (this.#memory && --this.#depth < nestedMax) this.#memory[this.#depth * entryBytes] = State.free;
  }

  /**
   * A script has returned a promise: until `end`.
   * @returns What `end` has to be told; 0 where there is nothing to end.
   */
  wait(where: string, request?: Request): number {
    if (!this.#memory) return 0;
    const number = (this.#waited = (this.#waited % numberMax) + 1);
    this.#write(entryOf(number), State.waiting, number, where, request);
    return number;
  }

  end(number: number): void {
    if (number === 0) return;
    const at = entryOf(number) * entryBytes;
    // A later one may have its place.
    if (this.#memory!.readUInt32LE(at + numberAt) === number) this.#memory![at] = State.free;
  }

  #write(entry: number, state: State, number: number, where: string, request: Request | undefined): void {
    const memory = this.#memory!;
    const at = entry * entryBytes;
    memory.writeUInt32LE(number, at + numberAt);
    if (this.#wheres[entry] !== where) {
      this.#wheres[entry] = where;
      memory[at + 1] = memory.write(where, at + whereAt, whereBytes, "utf8");
    }
    let length = 0;
    if (request) {
      const { method, target } = request.main;
      length = memory.latin1Write(method, at + requestAt, requestBytes);
      memory[at + requestAt + length++] = 0x20;
      length += memory.latin1Write(target, at + requestAt + length, requestBytes - length);
    }
    memory[at + 2] = length;
    memory[at] = state;
  }
}

export const calls = new Calls();

/** How many of the scripts that wait are named. */
const namedMax = 5;

/** What a worker was doing, of the memory that it has noted it in: "" where that was nothing of a script's. */
export function describeCalls(memory: Buffer): string {
  const places = Array.from({ length: nestedMax + waitingMax }, (_, entry) => entry * entryBytes);
  const running = places.filter((at) => memory[at] === State.running);
  // What was called last is what has not come back.
  if (running.length > 0) return `it was in ${describe(memory, running.at(-1)!)}`;
  const numberOf = (at: number): number => memory.readUInt32LE(at + numberAt);
  const waiting = places.filter((at) => memory[at] === State.waiting).sort((a, b) => numberOf(b) - numberOf(a));
  if (waiting.length === 0) return "";
  const named = waiting.slice(0, namedMax).map((at) => describe(memory, at));
  const more = waiting.length > namedMax ? ", or one before them" : "";
  return `one of these did not come back after a wait, the latest first: ${named.join(", ")}${more}`;
}

function describe(memory: Buffer, at: number): string {
  const where = Buffer.from(memory.subarray(at + whereAt, at + whereAt + memory[at + 1]!)).toString();
  const length = memory[at + 2]!;
  if (length === 0) return where;
  const request = Buffer.from(memory.subarray(at + requestAt, at + requestAt + length)).toString("latin1");
  // What a client has sent is not to break the log's lines.
  return `${where} for "${request.replace(/[^\x20-\x7e]/g, "?")}"`;
}
