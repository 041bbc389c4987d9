import { readFileSync } from "node:fs";
import { pause, yieldProcessor } from "./file.ts";

/**
 * A spin lock in shared memory whose word says who holds it: 0 for nobody, else 22 bits of process id and nine bits of
 * when that process started, so that a reused process id is not taken for the owner.
 *
 * Spinning is right here: a critical section takes about 200 ns, a futex call alone about as much. Who does not get
 * it within some 10 µs gives the processor away, because the owner may have lost its own.
 */
const PID_BITS = 22;
const PID_MASK = (1 << PID_BITS) - 1;

/** What this process writes into the locks it takes. */
export const ownerWord = wordOf(process.pid);

function wordOf(pid: number): number {
  return (pid & PID_MASK) | (((startTimeOf(pid) ?? 0) & 0x1ff) << PID_BITS);
}

/** Clock ticks since boot at which a process started; undefined if that cannot be read, -1 if it has ended. */
function startTimeOf(pid: number): number | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name, second, is in parentheses and may hold anything; the state follows it, and the start is 19 further.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? -1 : Number(fields[19]);
  } catch {
    return undefined; // it is gone, or /proc hides other users' processes
  }
}

/** Is the process that wrote this word into a lock still there? */
export function ownerLives(word: number): boolean {
  if (word === ownerWord) return true;
  const pid = word & PID_MASK;
  if (pid === 0) return false;
  const start = startTimeOf(pid);
  if (start !== undefined) return start >= 0 && (start & 0x1ff) === word >>> PID_BITS;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // it lives, as another user
  }
}

export const ownerPid = (word: number): number => word & PID_MASK;

/**
 * Waits for a lock that was found taken, and takes it.
 * @returns Whether its owner had died with it: what it guards must be repaired before use.
 */
export function lockSlowly(words: Int32Array, at: number): boolean {
  for (let round = 0; ; round++) {
    for (let spin = 0; spin < 200; spin++)
      if (words[at] === 0 && Atomics.compareExchange(words, at, 0, ownerWord) === 0) return false;
    const owner = Atomics.load(words, at);
    // A look into /proc takes 20 µs; one every 32 rounds finds a dead owner within a few milliseconds.
    if (owner !== 0 && round % 32 === 31 && !ownerLives(owner))
      if (Atomics.compareExchange(words, at, owner, ownerWord) === owner) return true;
    if (round < 64) yieldProcessor();
    else pause(0.05);
  }
}
