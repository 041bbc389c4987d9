/** The listening sockets. The master opens them, one for each worker slot, and keeps them while workers come and go. */
import { unlinkSync } from "node:fs";
import { hasLibc, SystemError } from "../std/libc.ts";
import {
  addressText,
  applyOptions,
  boundAddress,
  closeDescriptor,
  isAddressInUse,
  isListening,
  openListener,
  setCloseOnExec,
  sharesAddress,
  steerConnections,
} from "../std/posix_socket.ts";
import type { ListenSpec, Log } from "./contract.ts";

/** nginx's: an address may be about to become free, as when one server takes over from another. */
const bindAttempts = 5;
const bindRetryMs = 500;

/** Names, in the environment of a program that takes over, the sockets it is born with. */
export const inheritVariable = "RESTY_LISTENERS";

interface Held {
  spec: ListenSpec;
  /** One per slot, or a single one that all slots share. */
  fds: number[];
  shared: boolean;
}

/** Sockets opened for a generation that may yet fail. */
export interface ListenerChange {
  /** The generation serves: forget the addresses it does not name. */
  commit(): void;
  /** It does not: close what was opened for it. */
  rollback(): void;
}

/** Why an address cannot be listened on and what to do about it, in one line. */
export class ListenError extends Error {}

export class Listeners {
  readonly #held = new Map<string, Held>();
  readonly #log: Log;
  /** Sockets that systemd made: their files are not ours to remove. */
  readonly #foreign: Set<string>;
  #closed = false;
  /** Slots in use, while there may be sockets for more. */
  #limit = Infinity;
  /** Slots that a generation on its way needs: nobody else may close their sockets. */
  #opening = 0;
  /** Slots in use without a worker at the moment. */
  readonly #unserved = new Set<number>();
  /** Sockets this process was born with and has not needed yet, by key. */
  readonly #inherited: Map<string, number[]>;
  readonly #tookOver: boolean;

  constructor(log: Log, environment: Record<string, string | undefined> = {}) {
    this.#log = log;
    this.#inherited = hasLibc ? inheritedSockets(environment, log) : new Map<string, number[]>();
    this.#tookOver = this.#inherited.size > 0;
    this.#foreign = new Set(environment[inheritVariable] === undefined ? this.#inherited.keys() : []);
  }

  /**
   * Opens what `specs` needs for `slots` workers and is not open yet.
   * @throws ListenError when an address cannot be had; then nothing has changed.
   */
  async open(specs: readonly ListenSpec[], slots: number): Promise<ListenerChange> {
    const added: { held: Held; fd: number }[] = [];
    this.#opening = slots;
    const rollback = () => {
      this.#opening = 0;
      for (const { held, fd } of added) {
        if (!held.fds.includes(fd)) continue; // all was closed meanwhile
        closeDescriptor(fd);
        held.fds.splice(held.fds.indexOf(fd), 1);
        if (held.fds.length === 0) this.#forget(held);
      }
    };
    if (!hasLibc) {
      await this.#makeWay(specs);
      return { commit: () => void (this.#opening = 0), rollback };
    }
    try {
      for (const spec of specs) {
        const held = this.#hold(spec);
        while (held.fds.length < (held.shared ? 1 : slots)) {
          const fd = await this.#openOne(spec, held.fds.length === 0 ? "first" : "more");
          held.fds.push(fd);
          added.push({ held, fd });
        }
      }
    } catch (error) {
      rollback();
      throw error;
    }
    return { commit: () => this.#commit(specs, slots), rollback };
  }

  /** The socket from which a slot accepts; null where workers bind for themselves. */
  descriptor(key: string, slot: number): number | null {
    const held = this.#held.get(key);
    return held?.fds[held.shared ? 0 : slot] ?? null;
  }

  /** From now on new connections go to the first `slots` workers alone; others have only their queues to empty. */
  limit(slots: number): void {
    this.#limit = slots;
    this.#steer();
  }

  /**
   * The first slot's worker comes up first: until others do, new connections go there alone. Where there was a server
   * before, its workers are at the sockets of all slots.
   */
  awaitFirst(slots: number): void {
    if (this.#tookOver) return;
    for (let slot = 1; slot < slots; slot++) this.#unserved.add(slot);
    this.#steer();
  }

  /** Says whether a slot has a worker. New connections go to those that have, as long as there is one. */
  setServed(slot: number, served: boolean): void {
    if (served !== this.#unserved.has(slot)) return;
    if (served) this.#unserved.delete(slot);
    else this.#unserved.add(slot);
    this.#steer();
  }

  /** Closes the sockets of slots that are no more, unless the next generation has them again. */
  shrink(slots: number): void {
    const kept = Math.max(slots, this.#opening);
    for (const { fds, shared } of this.#held.values()) {
      // From the last one on, so that the others keep their places in the kernel's list, by which it is steered.
      while (!shared && fds.length > kept) closeDescriptor(fds.pop()!);
    }
    this.#steer();
  }

  #steer(): void {
    for (const { fds, shared, spec } of this.#held.values()) {
      if (shared || fds.length === 0) continue;
      const all = [...fds.keys()];
      const within = all.filter((slot) => slot < this.#limit);
      const served = within.filter((slot) => !this.#unserved.has(slot));
      const places = served.length > 0 ? served : within;
      try {
        steerConnections(fds[0]!, places.length < all.length ? places : undefined);
      } catch (error) {
        this.#log("warn", `connections may be lost at ${spec.key}: ${(error as Error).message}`);
      }
    }
  }

  /**
   * For a program that takes the sockets over.
   * @param first The number that the first descriptor will have there.
   * @returns The value of its `RESTY_LISTENERS`, and the descriptors it is to be born with, in order.
   */
  handOver(first: number): { places: string; fds: number[] } {
    const fds: number[] = [];
    const places: Record<string, number[]> = {};
    for (const [key, held] of this.#held) places[key] = held.fds.map((fd) => first + fds.push(fd) - 1);
    return { places: JSON.stringify(places), fds };
  }

  /** @param keepFiles Another program listens on the unix sockets too. */
  close(keepFiles = false): void {
    this.#closed = true;
    for (const { fds, spec } of this.#held.values()) {
      fds.splice(0).forEach(closeDescriptor);
      if (!keepFiles) this.#removeFile(spec);
    }
    this.#held.clear();
  }

  #commit(specs: readonly ListenSpec[], slots: number): void {
    this.#opening = 0;
    const wanted = new Map(specs.map((spec) => [spec.key, spec]));
    for (const [key, held] of this.#held) {
      const spec = wanted.get(key);
      if (spec === undefined) {
        held.fds.forEach(closeDescriptor);
        this.#forget(held);
      } else if (JSON.stringify(spec) !== JSON.stringify(held.spec)) {
        held.spec = spec;
        for (const fd of held.fds) this.#attempt(() => applyOptions(fd, spec, spec));
      }
    }
    // There may be more sockets than slots: whose sockets we took over may have had more workers.
    this.limit(slots);
    for (const fds of this.#inherited.values()) fds.forEach(closeDescriptor);
    this.#inherited.clear();
  }

  /** Where workers bind for themselves, a socket file that nobody listens on any more would be in their way. */
  async #makeWay(specs: readonly ListenSpec[]): Promise<void> {
    for (const spec of specs) {
      if (spec.family !== "unix" || this.#held.has(spec.key)) continue;
      this.#held.set(spec.key, { spec, fds: [], shared: true });
      const living = await Bun.connect({ unix: spec.address, socket: { data() {} } }).catch(() => undefined);
      if (living) throw new ListenError(`bind() to ${spec.key} failed (48: Address already in use)`);
      unlinkQuietly(spec.address);
    }
  }

  #hold(spec: ListenSpec): Held {
    let held = this.#held.get(spec.key);
    if (held === undefined) {
      const fds = this.#inherited.get(spec.key) ?? [];
      this.#inherited.delete(spec.key);
      // A socket of systemd's may be without SO_REUSEPORT: nobody can join it, so all slots share it.
      const shared = spec.family === "unix" || (fds.length === 1 && !sharesAddress(fds[0]!));
      held = { spec, fds, shared };
      this.#held.set(spec.key, held);
    }
    return held;
  }

  #forget(held: Held): void {
    this.#held.delete(held.spec.key);
    this.#removeFile(held.spec);
  }

  #removeFile({ key, family, address }: ListenSpec): void {
    if (family === "unix" && !this.#foreign.has(key)) unlinkQuietly(address);
  }

  async #openOne(spec: ListenSpec, sharing: "first" | "more"): Promise<number> {
    for (let attempt = 1; ; attempt++) {
      try {
        return openListener(spec, spec, sharing);
      } catch (error) {
        if (!isAddressInUse(error)) throw new ListenError(listenFailure(error, spec), { cause: error });
        // A change from 127.0.0.1:80 to *:80: the port is in use, by ourselves.
        if (sharing === "first" && this.#holdsPort(spec)) return this.#openOne(spec, "more");
        if (attempt === bindAttempts) throw new ListenError(listenFailure(error, spec), { cause: error });
        this.#log("warn", `${(error as Error).message}, trying again in ${bindRetryMs} ms`);
        await Bun.sleep(bindRetryMs);
        if (this.#closed) throw new ListenError("listening sockets are closed already");
      }
    }
  }

  #holdsPort({ family, port }: ListenSpec): boolean {
    for (const { fds, spec, shared } of this.#held.values())
      if (family !== "unix" && fds.length > 0 && !shared && spec.port === port) return true;
    return false;
  }

  #attempt(change: () => void): void {
    try {
      change();
    } catch (error) {
      this.#log("alert", `${(error as Error).message}, ignored`);
    }
  }
}

/** nginx's words first, which operators' tools read. */
function listenFailure(error: unknown, spec: ListenSpec): string {
  const message = (error as Error).message;
  if (!(error instanceof SystemError)) return `bind() to ${addressText(spec)} failed (${message})`;
  const advice: Record<string, string> = {
    EACCES:
      spec.family === "unix"
        ? `the folder of ${spec.address} must be writable for the user that starts resty`
        : `ports below 1024 need root, or CAP_NET_BIND_SERVICE (in a systemd unit AmbientCapabilities=, for a file ` +
          `setcap cap_net_bind_service=+ep), or sysctl net.ipv4.ip_unprivileged_port_start=${spec.port}`,
    EADDRINUSE:
      spec.family === "unix"
        ? `another program listens there, or the file is no socket`
        : `another program listens there; ss -ltnp 'sport = :${spec.port}' names it`,
    EADDRNOTAVAIL: `no interface of this machine has the address; ip address lists them`,
    ENOENT: `the folder of ${spec.address} does not exist`,
    EAFNOSUPPORT: `the system has no IPv6`,
  };
  return error.code in advice ? `${message}: ${advice[error.code]}` : message;
}

function unlinkQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    return; // somebody has tidied up already
  }
}

/** Sockets that the program before us passes on (a binary upgrade), or systemd (LISTEN_FDS). */
function inheritedSockets(environment: Record<string, string | undefined>, log: Log): Map<string, number[]> {
  const found = new Map<string, number[]>();
  const ours = environment[inheritVariable];
  if (ours !== undefined) {
    try {
      for (const [key, fds] of Object.entries(JSON.parse(ours) as Record<string, number[]>)) found.set(key, fds);
    } catch {
      log("emerg", `invalid ${inheritVariable} in the environment, ignored`);
    }
  } else if (environment.LISTEN_PID === String(process.pid)) {
    for (let fd = 3; fd < 3 + Number(environment.LISTEN_FDS); fd++) {
      const at = isListening(fd) ? boundAddress(fd) : undefined;
      if (at !== undefined) found.set(addressText(at), [fd]);
    }
  }
  for (const fd of [...found.values()].flat()) setCloseOnExec(fd, true);
  return found;
}
