import { expect, test } from "bun:test";
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasLibc, SystemError } from "./libc.ts";
import { cpuAffinity, resourceLimit, setResourceLimit, tryLock } from "./posix.ts";
import {
  addressText,
  boundAddress,
  closeDescriptor,
  isListening,
  isOpen,
  openListener,
  receiveDescriptors,
  sendDescriptors,
  sharesAddress,
  type SocketAddress,
  socketPair,
} from "./posix_socket.ts";

// Elsewhere than on Linux these calls are not made.
const posix = test.skipIf(!hasLibc);

posix("limits are read as the system has them, and lowered", () => {
  const { soft, hard } = resourceLimit("core");
  const words = /^Max core file size +(\w+) +(\w+)/m.exec(readFileSync("/proc/self/limits", "latin1"))!;
  const number = (word: string) => (word === "unlimited" ? Infinity : Number(word));
  expect([soft, hard]).toEqual([number(words[1]!), number(words[2]!)]);
  setResourceLimit("core", { soft: 0, hard });
  expect(resourceLimit("core").soft).toBe(0);
});

posix("the CPUs are those that the system lists", () => {
  const list = /^Cpus_allowed_list:\t(.*)$/m.exec(readFileSync("/proc/self/status", "latin1"))![1]!;
  const cpus = list.split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return Array.from({ length: last! - first! + 1 }, (_, at) => first! + at);
  });
  expect(cpuAffinity()).toEqual(cpus);
});

posix("a lock is one's own until it is closed", () => {
  const folder = mkdtempSync(join(tmpdir(), "resty-posix-"));
  const file = join(folder, "lock");
  writeFileSync(file, "");
  const [mine, other] = [openSync(file, "r"), openSync(file, "r")];
  expect([tryLock(mine), tryLock(other)]).toEqual([true, false]);
  closeSync(mine);
  expect(tryLock(other)).toBe(true);
  closeSync(other);
  rmSync(folder, { recursive: true });
});

posix.each([
  ["IPv4", { family: "inet", address: "127.0.0.1", port: 0 }, /^127\.0\.0\.1:\d+$/],
  ["IPv6", { family: "inet6", address: "::1", port: 0 }, /^\[::1\]:\d+$/],
] as [string, SocketAddress, RegExp][])(
  "an address is bound, and shared only by who asks for it: %s",
  (_what, at, text) => {
    const first = openListener(at, { backlog: 16 }, "first");
    const bound = boundAddress(first)!;
    expect(addressText(bound)).toMatch(text);
    expect([isListening(first), sharesAddress(first)]).toEqual([true, true]);
    expect(() => openListener(bound, { backlog: 16 }, "first")).toThrow(
      `bind() to ${addressText(bound)} failed (98: Address already in use)`,
    );
    const more = openListener(bound, { backlog: 16 }, "more");
    expect(boundAddress(more)).toEqual(bound);
    closeDescriptor(first);
    closeDescriptor(more);
  },
);

posix.each([
  [{ family: "inet", address: "192.0.2.1", port: 0 }, "EADDRNOTAVAIL"],
  [{ family: "inet", address: "banana", port: 0 }, "EINVAL"],
  [{ family: "unix", address: `/tmp/${"x".repeat(120)}`, port: 0 }, "ENAMETOOLONG"],
  [{ family: "unix", address: "/nowhere/at/all", port: 0 }, "ENOENT"],
] as [SocketAddress, string][])("what cannot be bound says why: %p", (at, code) => {
  let thrown: unknown;
  try {
    openListener(at, { backlog: 16 }, "first");
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(SystemError);
  expect((thrown as SystemError).code).toBe(code);
});

posix("a failed open leaves no descriptor behind", () => {
  const next = () => {
    const fd = openSync("/dev/null", "r");
    closeSync(fd);
    return fd;
  };
  const before = next();
  expect(() => openListener({ family: "inet", address: "192.0.2.1", port: 0 }, { backlog: 1 }, "first")).toThrow();
  expect(next()).toBe(before);
});

posix("descriptors arrive in order, more of them than fit into one message", () => {
  const [here, there] = socketPair();
  const files = Array.from({ length: 3 }, (_, at) => openSync(["/dev/null", "/dev/zero", "/dev/full"][at]!, "r"));
  const sent = Array.from({ length: 450 }, (_, at) => files[at % 3]!);
  sendDescriptors(here, sent);
  const received = receiveDescriptors(there, sent.length);
  expect(received.map((fd) => fstatSync(fd).rdev)).toEqual(sent.map((fd) => fstatSync(fd).rdev));
  expect(new Set(received).size).toBe(450);
  received.forEach((fd) => closeSync(fd));
  expect(() => receiveDescriptors(there, 1)).toThrow("recvmsg() failed (11: ");
  closeDescriptor(here);
  expect(() => sendDescriptors(there, files)).toThrow("32: Broken pipe");
  closeDescriptor(there);
  files.forEach((fd) => closeSync(fd));
  expect(isOpen(there)).toBe(false);
});
