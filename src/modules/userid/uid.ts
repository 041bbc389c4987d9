/** 16 bytes: a service, a time, a process, a number of its own. */
export type Uid = Buffer;

/** Tells this process from others that start in the same second. */
const start = ((Math.floor(((performance.timeOrigin * 1000) % 1e6) / 20) << 16) | (process.pid & 0xffff)) >>> 0;
let sequenceV1 = 1;
const sequenceV2Start = 0x03030302;
let sequenceV2 = sequenceV2Start;

/** Numbers in the order of the machine's bytes. */
export function uidV1(service: number): Uid {
  const uid = Buffer.alloc(16);
  [service, nowSeconds(), start, sequenceV1].forEach((word, i) => uid.writeUInt32LE(word >>> 0, i * 4));
  sequenceV1 = (sequenceV1 + 0x100) >>> 0;
  return uid;
}

/** Numbers in network order. */
export function uidV2(service: number): Uid {
  const uid = Buffer.alloc(16);
  [service, nowSeconds(), start, sequenceV2].forEach((word, i) => uid.writeUInt32BE(word >>> 0, i * 4));
  sequenceV2 = (sequenceV2 + 0x100) >>> 0;
  if (sequenceV2 < sequenceV2Start) sequenceV2 = sequenceV2Start;
  return uid;
}

const nowSeconds = (): number => Math.floor(Date.now() / 1000);

/** As nginx prints it: four little-endian words in hexadecimal. */
export function hexWords(uid: Uid): string {
  return [0, 4, 8, 12].map((at) => uid.readUInt32LE(at).toString(16).toUpperCase().padStart(8, "0")).join("");
}

/** `Thu, 31-Dec-37 23:55:55 GMT`; from 2038 on with four digits of the year. */
export function cookieTime(seconds: number): string {
  const [day, date, month, year, time] = new Date(seconds * 1000).toUTCString().split(" ") as [
    string,
    string,
    string,
    string,
    string,
  ];
  return `${day} ${date}-${month}-${Number(year) > 2037 ? year : year.slice(2)} ${time} GMT`;
}
