/** Listening sockets, and descriptors sent from one process to another. Linux only: see libc.ts. */
import { ptr } from "bun:ffi";
import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import { check, cString, lastErrno, libc, SystemError } from "./libc.ts";

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_SEQPACKET = 5;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_KEEPALIVE = 9;
export const SO_REUSEPORT = 15;
const SO_ACCEPTCONN = 30;
const SO_ATTACH_REUSEPORT_CBPF = 51;
const SO_DETACH_REUSEPORT_BPF = 68;
const SCM_RIGHTS = 1;
const IPPROTO_TCP = 6;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const TCP_DEFER_ACCEPT = 9;
const TCP_FASTOPEN = 23;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const POLLIN = 1;
const F_GETFD = 1;
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
export const EPOLLIN = 1;
/** Of the workers that wait on one shared socket, wake one and not all. */
export const EPOLLEXCLUSIVE = 0x10000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EADDRINUSE = 98;
const ECONNREFUSED = 111;
const ENAMETOOLONG = 36;
const EINVAL = 22;

/** Most descriptors in one message; the kernel's own limit is 253 (SCM_MAX_FD). */
const descriptorsPerMessage = 200;

/** Where a socket listens. */
export interface SocketAddress {
  family: "inet" | "inet6" | "unix";
  /** Address without brackets, or path. */
  address: string;
  port: number;
}

export interface SocketOptions {
  backlog: number;
  ipv6only?: boolean;
  deferAccept?: boolean;
  rcvbuf?: number;
  sndbuf?: number;
  fastopen?: number;
  keepalive?: boolean | { idleSeconds?: number; intervalSeconds?: number; count?: number };
}

/** As messages print it: `0.0.0.0:80`, `[::]:80`, `unix:/run/resty.sock`. */
export function addressText({ family, address, port }: SocketAddress): string {
  return family === "unix" ? `unix:${address}` : family === "inet6" ? `[${address}]:${port}` : `${address}:${port}`;
}

function sockaddr(at: SocketAddress): Uint8Array {
  if (at.family === "unix") {
    const path = cString(at.address);
    if (path.length > 108) throw new SystemError("bind", ENAMETOOLONG, `to ${addressText(at)}`);
    const bytes = new Uint8Array(2 + path.length);
    new DataView(bytes.buffer).setUint16(0, AF_UNIX, true);
    bytes.set(path, 2);
    return bytes;
  }
  const inet6 = at.family === "inet6";
  const bytes = new Uint8Array(inet6 ? 28 : 16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, inet6 ? AF_INET6 : AF_INET, true);
  view.setUint16(2, at.port);
  const place = bytes.subarray(inet6 ? 8 : 4);
  if (libc().inet_pton(inet6 ? AF_INET6 : AF_INET, ptr(cString(at.address)), ptr(place)) !== 1)
    throw new SystemError("inet_pton", EINVAL, `of "${at.address}"`);
  return bytes;
}

/** @throws SystemError */
export function setOption(fd: number, level: number, name: number, value: number): void {
  check("setsockopt", libc().setsockopt(fd, level, name, ptr(new Int32Array([value])), 4));
}

/** Sets what may change while a socket listens, the backlog included. @throws SystemError */
export function applyOptions(fd: number, at: SocketAddress, options: SocketOptions): void {
  if (options.rcvbuf !== undefined) setOption(fd, SOL_SOCKET, SO_RCVBUF, options.rcvbuf);
  if (options.sndbuf !== undefined) setOption(fd, SOL_SOCKET, SO_SNDBUF, options.sndbuf);
  if (at.family !== "unix") {
    const keepalive = options.keepalive;
    if (keepalive !== undefined) setOption(fd, SOL_SOCKET, SO_KEEPALIVE, keepalive === false ? 0 : 1);
    if (typeof keepalive === "object") {
      if (keepalive.idleSeconds) setOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, keepalive.idleSeconds);
      if (keepalive.intervalSeconds) setOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, keepalive.intervalSeconds);
      if (keepalive.count) setOption(fd, IPPROTO_TCP, TCP_KEEPCNT, keepalive.count);
    }
    if (options.fastopen !== undefined) setOption(fd, IPPROTO_TCP, TCP_FASTOPEN, options.fastopen);
    if (options.deferAccept !== undefined) setOption(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, options.deferAccept ? 1 : 0);
  }
  check("listen", libc().listen(fd, options.backlog), `to ${addressText(at)}, backlog ${options.backlog}`);
}

/**
 * Opens a socket that listens, close-on-exec and non-blocking.
 * @param sharing "first" refuses an address that anybody listens on, and lets later "more" sockets of the same user
 *   join it (SO_REUSEPORT). "more" joins whoever is there.
 * @throws SystemError whose `errno` tells why.
 */
export function openListener(at: SocketAddress, options: SocketOptions, sharing: "first" | "more"): number {
  const family = at.family === "unix" ? AF_UNIX : at.family === "inet6" ? AF_INET6 : AF_INET;
  const place = sockaddr(at);
  const about = `to ${addressText(at)}`;
  const fd = check("socket", libc().socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), addressText(at));
  try {
    if (at.family === "unix") {
      removeStaleSocket(at.address);
      check("bind", libc().bind(fd, ptr(place), place.length), about);
      chmodSync(at.address, 0o666);
    } else {
      setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
      if (at.family === "inet6") setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, options.ipv6only === false ? 0 : 1);
      // Bound without SO_REUSEPORT, a socket meets every other listener of the address as a conflict; given the
      // option afterwards it still takes others in. So a second master is refused, and slots share the port.
      if (sharing === "more") setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
      check("bind", libc().bind(fd, ptr(place), place.length), about);
      if (sharing === "first") setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    }
    applyOptions(fd, at, options);
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
  return fd;
}

/**
 * Removes a socket file that nobody listens on any more. A living one stays, and `bind` then says so; so does a file
 * of another kind.
 */
export function removeStaleSocket(path: string): void {
  try {
    if (!lstatSync(path).isSocket()) return;
  } catch {
    return;
  }
  const at: SocketAddress = { family: "unix", address: path, port: 0 };
  const place = sockaddr(at);
  const fd = check("socket", libc().socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const refused = libc().connect(fd, ptr(place), place.length) < 0 && lastErrno() === ECONNREFUSED;
  closeDescriptor(fd);
  if (refused) unlinkSync(path);
}

export function isAddressInUse(error: unknown): boolean {
  return error instanceof SystemError && error.errno === EADDRINUSE;
}

/** Where a socket is bound; undefined for one that is no socket, or of a family not served here. */
export function boundAddress(fd: number): SocketAddress | undefined {
  const bytes = new Uint8Array(112);
  const length = new Uint32Array([bytes.length]);
  if (libc().getsockname(fd, ptr(bytes), ptr(length)) < 0) return undefined;
  const view = new DataView(bytes.buffer);
  const family = view.getUint16(0, true);
  if (family === AF_UNIX) {
    const end = bytes.indexOf(0, 2);
    const path = new TextDecoder().decode(bytes.subarray(2, end < 0 ? length[0]! : Math.min(end, length[0]!)));
    return { family: "unix", address: path, port: 0 };
  }
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  const text = new Uint8Array(46);
  const place = bytes.subarray(family === AF_INET6 ? 8 : 4);
  if (libc().inet_ntop(family, ptr(place), ptr(text), text.length) === null) return undefined;
  const address = new TextDecoder().decode(text.subarray(0, text.indexOf(0)));
  return { family: family === AF_INET6 ? "inet6" : "inet", address, port: view.getUint16(2) };
}

export function isListening(fd: number): boolean {
  const value = new Int32Array(1);
  const length = new Uint32Array([4]);
  return libc().getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, ptr(value), ptr(length)) === 0 && value[0] === 1;
}

/** May further sockets of the same user listen where this one does (SO_REUSEPORT)? */
export function sharesAddress(fd: number): boolean {
  const value = new Int32Array(1);
  const length = new Uint32Array([4]);
  return libc().getsockopt(fd, SOL_SOCKET, SO_REUSEPORT, ptr(value), ptr(length)) === 0 && value[0] === 1;
}

/** Is there something to read, or for a listening socket, somebody to accept? Does not wait. */
export function isReadable(fd: number): boolean {
  const entry = new Uint8Array(8);
  const view = new DataView(entry.buffer);
  view.setInt32(0, fd, true);
  view.setInt16(4, POLLIN, true);
  return libc().poll(ptr(entry), 1, 0) > 0 && (view.getInt16(6, true) & POLLIN) !== 0;
}

/**
 * Tells the kernel to which of the sockets that share an address with `fd` it may give new connections. It picks one
 * at random.
 * @param places Of the sockets, in the order they were opened; undefined: all of them, as at first.
 * @throws SystemError
 */
export function steerConnections(fd: number, places: readonly number[] | undefined): void {
  if (places === undefined) {
    libc().setsockopt(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, ptr(new Int32Array(1)), 4); // fails if none is attached
    return;
  }
  // Classic BPF: A = random % places.length; if (A == 0) return places[0]; if (A == 1) return places[1]; …
  const program: [code: number, jumpTrue: number, jumpFalse: number, operand: number][] = [
    [0x20 /* LD W ABS */, 0, 0, 0xfffff000 + 56 /* SKF_AD_OFF + SKF_AD_RANDOM */],
    [0x94 /* ALU MOD K */, 0, 0, places.length],
  ];
  places.forEach((place, at) => program.push([0x15 /* JMP JEQ K */, 0, 1, at], [0x06 /* RET K */, 0, 0, place]));
  program.push([0x06, 0, 0, places[0]!]);
  const code = new DataView(new ArrayBuffer(program.length * 8));
  program.forEach(([operation, jumpTrue, jumpFalse, operand], at) => {
    code.setUint16(at * 8, operation, true);
    code.setUint8(at * 8 + 2, jumpTrue);
    code.setUint8(at * 8 + 3, jumpFalse);
    code.setUint32(at * 8 + 4, operand, true);
  });
  const filter = new DataView(new ArrayBuffer(16));
  filter.setUint16(0, program.length, true);
  filter.setBigUint64(8, BigInt(ptr(code)), true);
  check("setsockopt", libc().setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, ptr(filter), 16), "of a filter");
}

/** Never throws: there is nothing to be done about a close that fails. */
export function closeDescriptor(fd: number): void {
  libc().close(fd);
}

export function isOpen(fd: number): boolean {
  return libc().fcntl(fd, F_GETFD, 0) >= 0;
}

/** Lets a program started later keep the descriptor, or not. */
export function setCloseOnExec(fd: number, on: boolean): void {
  check("fcntl", libc().fcntl(fd, F_SETFD, on ? 1 : 0));
}

export function setNonBlocking(fd: number): void {
  check("fcntl", libc().fcntl(fd, F_SETFL, check("fcntl", libc().fcntl(fd, F_GETFL, 0)) | O_NONBLOCK));
}

/** Makes `target` mean what `source` means, close-on-exec; what `target` was is closed. @throws SystemError */
export function replaceDescriptor(source: number, target: number): void {
  check("dup3", libc().dup3(source, target, O_CLOEXEC));
}

/** Adds a descriptor to an epoll instance, with the 64 bits that its events carry. @throws SystemError */
export function epollAdd(epoll: number, fd: number, events: number, data: bigint): void {
  // The kernel packs the structure on x86-64 alone.
  const packed = process.arch === "x64";
  const event = new DataView(new ArrayBuffer(packed ? 12 : 16));
  event.setUint32(0, events, true);
  event.setBigUint64(packed ? 4 : 8, data, true);
  check("epoll_ctl", libc().epoll_ctl(epoll, EPOLL_CTL_ADD, fd, ptr(event)));
}

/** @throws SystemError */
export function epollRemove(epoll: number, fd: number): void {
  check("epoll_ctl", libc().epoll_ctl(epoll, EPOLL_CTL_DEL, fd, null));
}

/** Two connected sockets that keep message borders, both close-on-exec. @throws SystemError */
export function socketPair(): [number, number] {
  const pair = new Int32Array(2);
  check("socketpair", libc().socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ptr(pair)));
  return [pair[0]!, pair[1]!];
}

/** Sends one datagram to a unix socket; a path that begins with "@" is abstract. @throws SystemError */
export function sendDatagram(path: string, text: string): void {
  const place = sockaddr({ family: "unix", address: path, port: 0 });
  const abstract = path.startsWith("@");
  if (abstract) place[2] = 0;
  const bytes = new TextEncoder().encode(text);
  const fd = check("socket", libc().socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  try {
    const length = abstract ? place.length - 1 : place.length; // the closing zero byte would count
    check("connect", libc().connect(fd, ptr(place), length), `to ${path}`);
    check("send", libc().send(fd, ptr(bytes), bytes.length, MSG_NOSIGNAL));
  } finally {
    closeDescriptor(fd);
  }
}

/** A `struct msghdr` of one byte of data and room for descriptors; `parts` keeps what it points at alive. */
function message(descriptors: number) {
  const control = new DataView(new ArrayBuffer(16 + Math.ceil((descriptors * 4) / 8) * 8));
  const data = new Uint8Array(1);
  const vector = new BigUint64Array([BigInt(ptr(data)), 1n]);
  const header = new DataView(new ArrayBuffer(56));
  header.setBigUint64(16, BigInt(ptr(vector)), true);
  header.setBigUint64(24, 1n, true);
  header.setBigUint64(32, BigInt(ptr(control)), true);
  header.setBigUint64(40, BigInt(control.byteLength), true);
  return { header, control, parts: [data, vector] };
}

/** Sends descriptors to the other end of a socket pair, in order. @throws SystemError */
export function sendDescriptors(channel: number, descriptors: readonly number[]): void {
  for (let at = 0; at < descriptors.length; at += descriptorsPerMessage) {
    const some = descriptors.slice(at, at + descriptorsPerMessage);
    const { header, control, parts } = message(some.length);
    control.setBigUint64(0, BigInt(16 + some.length * 4), true);
    control.setInt32(8, SOL_SOCKET, true);
    control.setInt32(12, SCM_RIGHTS, true);
    some.forEach((fd, index) => control.setInt32(16 + index * 4, fd, true));
    check("sendmsg", libc().sendmsg(channel, ptr(header), MSG_DONTWAIT | MSG_NOSIGNAL));
    parts.length = 0;
  }
}

/**
 * Takes `count` descriptors that were sent before, close-on-exec.
 * @throws SystemError when they are not there, or when this process may open no more (EMFILE).
 */
export function receiveDescriptors(channel: number, count: number): number[] {
  const received: number[] = [];
  while (received.length < count) {
    const { header, control, parts } = message(descriptorsPerMessage);
    check("recvmsg", libc().recvmsg(channel, ptr(header), MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
    parts.length = 0;
    const length = header.getBigUint64(40, true) === 0n ? 16 : Number(control.getBigUint64(0, true));
    if (length <= 16) throw new SystemError("recvmsg", 24 /* EMFILE: the kernel leaves out what does not fit */);
    for (let at = 16; at + 4 <= length; at += 4) received.push(control.getInt32(at, true));
  }
  return received;
}
