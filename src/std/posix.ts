/** What a process may set about itself and node:process does not offer. Linux only: see libc.ts. */
import { ptr, type Pointer, toArrayBuffer } from "bun:ffi";
import { readFileSync } from "node:fs";
import { check, cString, libc } from "./libc.ts";

const PR_SET_PDEATHSIG = 1;
const PR_SET_DUMPABLE = 4;
const PR_SET_NAME = 15;
const LOCK_EX = 2;
const LOCK_NB = 4;
const resources = { core: 4, nofile: 7 } as const;

/** `prlimit`'s figure for "no limit". */
const RLIM_INFINITY = 0xffff_ffff_ffff_ffffn;

export interface ResourceLimit {
  soft: number;
  hard: number;
}

/** Infinity for no limit. */
export function resourceLimit(resource: keyof typeof resources): ResourceLimit {
  const pair = new BigUint64Array(2);
  check("getrlimit", libc().getrlimit(resources[resource], ptr(pair)));
  const [soft, hard] = [...pair].map((value) => (value === RLIM_INFINITY ? Infinity : Number(value)));
  return { soft: soft!, hard: hard! };
}

/** @throws SystemError, as when the hard limit would be raised without the right. */
export function setResourceLimit(resource: keyof typeof resources, limit: ResourceLimit): void {
  const raw = (value: number) => (value === Infinity ? RLIM_INFINITY : BigInt(value));
  check(
    "setrlimit",
    libc().setrlimit(resources[resource], ptr(new BigUint64Array([raw(limit.soft), raw(limit.hard)]))),
  );
}

/**
 * The kernel sends `signal` to this process when its parent has gone. A later change of user forgets it, and a parent
 * that has gone already sends nothing: call this last, then look at `process.ppid`.
 */
export function setParentDeathSignal(signal: number): void {
  check("prctl", libc().prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0));
}

/** Gives back what a change of user takes away: core dumps, and reading one's own /proc/self. */
export function setDumpable(): void {
  check("prctl", libc().prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

/** @param cpus Numbers of CPUs this process may run on. @throws SystemError */
export function setCpuAffinity(cpus: readonly number[]): void {
  const mask = new Uint8Array(128);
  for (const cpu of cpus) mask[cpu >> 3]! |= 1 << (cpu & 7);
  check("sched_setaffinity", libc().sched_setaffinity(0, mask.length, ptr(mask)));
}

/** CPUs this process may run on, ascending: fewer than the machine has in a container or under taskset. */
export function cpuAffinity(): number[] {
  const mask = new Uint8Array(128);
  check("sched_getaffinity", libc().sched_getaffinity(0, mask.length, ptr(mask)));
  const cpus: number[] = [];
  for (let cpu = 0; cpu < mask.length * 8; cpu++) if ((mask[cpu >> 3]! >> (cpu & 7)) & 1) cpus.push(cpu);
  return cpus;
}

/**
 * What `ps` shows for this process, cut to the room its own command line left: `process.title` does not reach it. Bun
 * reads its arguments from the same memory, so they are read once before.
 */
export function setProcessTitle(title: string): void {
  check("prctl", libc().prctl(PR_SET_NAME, ptr(cString(title.slice(0, 15))), 0, 0, 0));
  void [process.argv, process.execPath, process.argv0, Bun.argv].map(String);
  const stat = readFileSync("/proc/self/stat", "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" "); // from field 3, "state", on
  const [start, end] = [Number(fields[48 - 3]), Number(fields[49 - 3])];
  if (!(start > 0 && end > start)) return;
  const area = new Uint8Array(toArrayBuffer(start as Pointer, 0, end - start));
  const text = new TextEncoder().encode(title).subarray(0, area.length - 1);
  area.fill(0);
  area.set(text);
}

/** Locks a file until its descriptor, and every copy of it, is closed. @returns false when another has the lock. */
export function tryLock(fd: number): boolean {
  return libc().flock(fd, LOCK_EX | LOCK_NB) === 0;
}
