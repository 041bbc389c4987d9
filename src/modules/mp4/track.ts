import { type Atom, atomsOf, makeAtom, makeTable, Mp4Error, readTable, TimedAtom } from "./atoms.ts";

/** What is wanted of a film, milliseconds. */
export interface Clip {
  readonly startMs: number;
  /** 0: to the end. */
  readonly lengthMs: number;
  /** Begin with the key frame before the start, which the player then skips up to it. */
  readonly fromKeyFrame: boolean;
}

interface Chunk {
  readonly samples: number;
  /** Of the sample description. */
  readonly id: number;
  readonly offset: number;
}

/** One track cut to a clip: where its data lies in the old file, and its atom for the new one. */
export interface CutTrack {
  readonly startOffset: number;
  readonly endOffset: number;
  /** @param shift What is to be added to offsets in the old file. Its length does not depend on it. */
  make(shift: number): Buffer;
}

const find = (atoms: readonly Atom[], name: string): Atom | undefined => atoms.find((atom) => atom.name === name);

function need(atoms: readonly Atom[], name: string): Atom {
  const atom = find(atoms, name);
  if (!atom) throw new Mp4Error(`no mp4 ${name} atoms were found`);
  return atom;
}

/**
 * Cuts a `trak` atom.
 * @param mdatEnd Where the data ends in the old file.
 * @returns undefined for a track that is over before the clip starts.
 */
export function cutTrack(content: Buffer, timescale: number, clip: Clip, mdatEnd: number): CutTrack | undefined {
  const trak = atomsOf(content);
  const tkhd = new TimedAtom("tkhd", need(trak, "tkhd").content);
  const mdia = atomsOf(need(trak, "mdia").content);
  const mdhd = new TimedAtom("mdhd", need(mdia, "mdhd").content);
  const minf = atomsOf(need(mdia, "minf").content);
  const stbl = atomsOf(need(minf, "stbl").content);
  if (!shorten(tkhd, timescale, clip) || !shorten(mdhd, mdhd.timescale, clip)) return undefined;

  const times = runsOf(need(stbl, "stts"));
  const keys = find(stbl, "stss");
  const start = sampleAt(times, (clip.startMs * mdhd.timescale) / 1000);
  if (start === undefined) throw new Mp4Error("start time is out mp4 stts samples");
  const first = clip.fromKeyFrame && keys ? keyFrameBefore(readTable(keys.content, 1), start.sample) : start.sample;
  const prefix = start.time - timeOf(times, first);
  mdhd.duration += prefix;
  const total = times.reduce((sum, [count]) => sum + count, 0);
  const endTime = timeOf(times, first) + prefix + Math.floor((clip.lengthMs * mdhd.timescale) / 1000);
  const end = clip.lengthMs === 0 ? total : (sampleAt(times, endTime)?.sample ?? total);

  const chunks = cutChunks(stbl, first, end);
  const sizes = sampleSizes(need(stbl, "stsz"), total);
  const offsets = chunks.map(
    ({ offset, skipped, skippedFrom }) => offset + sizes.sum(skippedFrom, skippedFrom + skipped),
  );
  const last = chunks.at(-1);
  const wide = find(stbl, "co64") !== undefined;
  const tables = (shift: number): Buffer[] => [
    ...kept(stbl, "stsd"),
    makeRuns("stts", need(stbl, "stts"), sliceRuns(times, first, end)),
    ...(keys ? [makeKeys(keys, first, end)] : []),
    ...cutCompositions(stbl, first, end),
    makeChunkMap(need(stbl, "stsc"), chunks),
    sizes.make(first, end),
    makeOffsets(wide, offsets, shift),
  ];
  return {
    startOffset: offsets[0] ?? Number.POSITIVE_INFINITY,
    endOffset: !last
      ? 0
      : clip.lengthMs === 0
        ? mdatEnd
        : offsets.at(-1)! + sizes.sum(last.from, last.from + last.samples),
    make: (shift) =>
      makeAtom(
        "trak",
        tkhd.make(),
        ...(prefix > 0 ? [makeEdit(tkhd.duration, prefix)] : []),
        makeAtom(
          "mdia",
          mdhd.make(),
          ...kept(mdia, "hdlr"),
          makeAtom("minf", ...kept(minf, "vmhd", "smhd", "dinf"), makeAtom("stbl", ...tables(shift))),
        ),
      ),
  };
}

function kept(atoms: readonly Atom[], ...names: readonly string[]): Buffer[] {
  return names.flatMap((name) => find(atoms, name)?.whole ?? []);
}

/** Leaves what remains of a duration behind the start; false when nothing does. */
function shorten(atom: TimedAtom, timescale: number, { startMs, lengthMs }: Clip): boolean {
  const rest = atom.duration - Math.floor((startMs * timescale) / 1000);
  if (rest <= 0) return false;
  atom.duration = lengthMs > 0 ? Math.min(rest, Math.floor((lengthMs * timescale) / 1000)) : rest;
  return true;
}

/** So many samples in a row with one value. */
type Runs = readonly (readonly [count: number, value: number])[];

function runsOf(atom: Atom): Runs {
  const numbers = readTable(atom.content, 2);
  return Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[i * 2]!, numbers[i * 2 + 1]!] as const);
}

function makeRuns(name: string, { content }: Atom, runs: Runs): Buffer {
  return makeTable(name, content, runs.length, runs.flat());
}

function sliceRuns(runs: Runs, from: number, to: number): Runs {
  const out: (readonly [number, number])[] = [];
  let at = 0;
  for (const [count, value] of runs) {
    const size = Math.min(to, at + count) - Math.max(from, at);
    if (size > 0) out.push([size, value]);
    at += count;
  }
  return out;
}

/** The sample that is shown at a time, and that time in whole units. */
function sampleAt(times: Runs, time: number): { sample: number; time: number } | undefined {
  let sample = 0;
  let at = 0;
  const whole = Math.floor(time);
  for (const [count, duration] of times) {
    if (whole < at + count * duration) {
      const passed = Math.floor((whole - at) / duration);
      return { sample: sample + passed, time: at + passed * duration };
    }
    sample += count;
    at += count * duration;
  }
  return undefined;
}

function timeOf(times: Runs, sample: number): number {
  return sliceRuns(times, 0, sample).reduce((sum, [count, duration]) => sum + count * duration, 0);
}

/** Key frames are counted from 1. */
function keyFrameBefore(keys: readonly number[], sample: number): number {
  let found = sample;
  for (const key of keys) {
    if (key === 0) throw new Mp4Error("zero sync sample");
    if (key > sample + 1) break;
    found = key - 1;
  }
  return found;
}

function makeKeys(atom: Atom, first: number, end: number): Buffer {
  const keys = readTable(atom.content, 1)
    .filter((key) => key > first && key <= end)
    .map((key) => key - first);
  return makeTable("stss", atom.content, keys.length, keys);
}

function cutCompositions(stbl: readonly Atom[], first: number, end: number): Buffer[] {
  const atom = find(stbl, "ctts");
  const runs = atom ? sliceRuns(runsOf(atom), first, end) : [];
  return atom && runs.length > 0 ? [makeRuns("ctts", atom, runs)] : [];
}

interface CutChunk extends Chunk {
  /** First sample that is kept, counted in the whole track. */
  readonly from: number;
  /** Samples before it that are left out of the chunk, and the first of these. */
  readonly skipped: number;
  readonly skippedFrom: number;
}

function cutChunks(stbl: readonly Atom[], first: number, end: number): CutChunk[] {
  const out: CutChunk[] = [];
  let at = 0;
  for (const chunk of chunksOf(stbl)) {
    const from = Math.max(first, at);
    const samples = Math.min(end, at + chunk.samples) - from;
    if (samples > 0) out.push({ ...chunk, samples, from, skipped: from - at, skippedFrom: at });
    at += chunk.samples;
    if (at >= end) break;
  }
  return out;
}

function* chunksOf(stbl: readonly Atom[]): Generator<Chunk> {
  const map = readTable(need(stbl, "stsc").content, 3);
  const offsets = offsetsOf(stbl);
  for (let i = 0, entry = 0; i < offsets.length; i++) {
    while (entry + 3 < map.length && map[entry + 3]! <= i + 1) entry += 3;
    const samples = map[entry + 1];
    if (!samples) throw new Mp4Error("zero number of samples");
    yield { samples, id: map[entry + 2]!, offset: offsets[i]! };
  }
}

function offsetsOf(stbl: readonly Atom[]): number[] {
  const wide = find(stbl, "co64");
  if (!wide) return readTable(need(stbl, "stco").content, 1);
  const numbers = readTable(wide.content, 2);
  return Array.from({ length: numbers.length / 2 }, (_, i) => numbers[i * 2]! * 2 ** 32 + numbers[i * 2 + 1]!);
}

function makeOffsets(wide: boolean, offsets: readonly number[], shift: number): Buffer {
  const moved = offsets.map((offset) => offset + shift);
  const flags = Buffer.alloc(4);
  if (!wide) return makeTable("stco", flags, moved.length, moved);
  return makeTable(
    "co64",
    flags,
    moved.length,
    moved.flatMap((offset) => [Math.floor(offset / 2 ** 32), offset % 2 ** 32]),
  );
}

function makeChunkMap({ content }: Atom, chunks: readonly CutChunk[]): Buffer {
  const map: number[] = [];
  for (const [i, { samples, id }] of chunks.entries())
    if (samples !== map.at(-2) || id !== map.at(-1)) map.push(i + 1, samples, id);
  return makeTable("stsc", content, map.length / 3, map);
}

/** Sizes of the samples: one for all, or a table. */
function sampleSizes({ content }: Atom, total: number) {
  if (content.length < 12) throw new Mp4Error("mp4 stsz atom too small");
  const uniform = content.readUInt32BE(4);
  const table = uniform === 0 ? readTable(content.subarray(4), 1) : undefined;
  if (table && table.length < total) throw new Mp4Error("start time is out mp4 stsz samples");
  return {
    sum(from: number, to: number): number {
      if (!table) return uniform * (to - from);
      let sum = 0;
      for (let i = from; i < to; i++) sum += table[i]!;
      return sum;
    },
    make(from: number, to: number): Buffer {
      const fixed = Buffer.from(content.subarray(0, 12));
      fixed.writeUInt32BE(to - from, 8);
      return makeAtom("stsz", fixed, table ? content.subarray(12 + from * 4, 12 + to * 4) : Buffer.alloc(0));
    },
  };
}

/** An edit list that has the player skip what is before the start. */
function makeEdit(duration: number, prefix: number): Buffer {
  const entry = Buffer.alloc(28);
  entry[0] = 1;
  entry.writeUInt32BE(1, 4);
  entry.writeBigUInt64BE(BigInt(duration), 8);
  entry.writeBigUInt64BE(BigInt(prefix), 16);
  entry.writeUInt16BE(1, 24);
  return makeAtom("edts", makeAtom("elst", entry));
}
