import { dlopen, ptr } from "bun:ffi";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { BenchError } from "./usage.ts";

/** What a process holds open besides its connections: its program, pipes, event loop and set-up connections. */
const DESCRIPTORS_OWN = 64;
const RLIMIT_NOFILE = 7;

export interface DescriptorLimits {
  soft: number;
  hard: number;
}

/** @returns undefined where the system does not say. */
export function descriptorLimits(): DescriptorLimits | undefined {
  try {
    const line = /^Max open files\s+(\S+)\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
    if (!line) return undefined;
    const number = (text: string): number => (text === "unlimited" ? Infinity : Number(text));
    return { soft: number(line[1]!), hard: number(line[2]!) };
  } catch {
    return undefined;
  }
}

/** Raises the soft limit of this process to the hard one, which needs no right. Does nothing off Linux. */
export function raiseDescriptorLimit(): void {
  const limits = descriptorLimits();
  if (process.platform !== "linux" || !limits || limits.soft >= limits.hard || limits.hard === Infinity) return;
  const libc = ["libc.so.6", "libc.so", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`];
  for (const name of libc) {
    try {
      const { symbols, close } = dlopen(name, { setrlimit: { args: ["int", "ptr"], returns: "int" } });
      symbols.setrlimit(RLIMIT_NOFILE, ptr(new BigUint64Array([BigInt(limits.hard), BigInt(limits.hard)])));
      close();
      return;
    } catch {
      // The next name, then: glibc and musl differ.
    }
  }
}

/** @throws BenchError with the command that helps, when a process could not hold `connections` open. */
export function requireDescriptors(connections: number, processes: number, limits = descriptorLimits()): void {
  const needed = Math.ceil(connections / processes) + DESCRIPTORS_OWN;
  if (!limits || limits.hard >= needed) return;
  const more = Math.ceil(connections / (limits.hard - DESCRIPTORS_OWN));
  throw new BenchError(
    `${connections} connections in ${processes} process${processes === 1 ? "" : "es"} need ${needed} ` +
      `file descriptors each, and the limit is ${limits.hard}. Raise it with "ulimit -n ${needed}" ` +
      `(as root, or "LimitNOFILE=${needed}" in a unit), or share them out with "--threads ${more}"`,
  );
}

/** @returns The first and the last port a client's connection gets. */
export function ephemeralPorts(): [number, number] {
  try {
    const [first, last] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8").trim().split(/\s+/);
    return [Number(first), Number(last)];
  } catch {
    return [32768, 60999];
  }
}

export function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}

/**
 * One address can open about 28 000 connections to one port. For more, loopback has further addresses to come from.
 * @returns The addresses to take in turn; none when one is enough.
 * @throws BenchError when the server is elsewhere, or on ::1, which has no neighbours.
 */
export function sourceAddresses(connections: number, address: string, ports = ephemeralPorts()): string[] {
  // A twentieth is left for connections that wait out TIME_WAIT, and for everybody else on the machine.
  const perAddress = Math.floor((ports[1] - ports[0] + 1) * 0.95);
  if (connections <= perAddress) return [];
  if (isIP(address) !== 4 || !isLoopback(address)) {
    throw new BenchError(
      `${connections} connections to one port need more than the ${perAddress} ports this machine has for it: ` +
        `widen net.ipv4.ip_local_port_range, or use several machines`,
    );
  }
  return Array.from(
    { length: Math.ceil(connections / perAddress) },
    (_, i) => `127.0.${1 + (i >> 7)}.${1 + (i & 127)}`,
  );
}
