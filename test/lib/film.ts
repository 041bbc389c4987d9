/** Makes small MP4 films, of tracks whose every sample can be told from all others. */

export interface TrackPlan {
  readonly timescale: number;
  /** Samples in a row and how long each lasts. */
  readonly times: readonly (readonly [count: number, duration: number])[];
  readonly compositions?: readonly (readonly [count: number, offset: number])[];
  /** Key frames, counted from 1. */
  readonly keys?: readonly number[];
  /** First chunk of a run, counted from 1, and the samples in each chunk of it. */
  readonly chunks: readonly (readonly [first: number, samples: number])[];
  readonly wideOffsets?: boolean;
}

function atom(name: string, ...contents: readonly Uint8Array[]): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(8 + contents.reduce((sum, { length }) => sum + length, 0));
  header.write(name, 4, "latin1");
  return Buffer.concat([header, ...contents]);
}

function words(...numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(numbers.length * 4);
  numbers.forEach((number, i) => bytes.writeUInt32BE(number, i * 4));
  return bytes;
}

const table = (name: string, count: number, numbers: readonly number[]): Buffer =>
  atom(name, words(0, count, ...numbers));

/** Bytes that say which sample of which track they are. */
function sample(track: number, number: number): Buffer {
  const text = `<${track}:${number}>`;
  return Buffer.from(text + ".".repeat(number % 5));
}

export function makeFilm(plans: readonly TrackPlan[], options: { indexLast?: boolean } = {}): Buffer {
  const ftyp = atom("ftyp", Buffer.from("isom"), words(512), Buffer.from("isom"));
  const movieScale = 1000;
  const seconds = Math.max(
    ...plans.map(({ times, timescale }) => times.reduce((s, [n, d]) => s + n * d, 0) / timescale),
  );
  const tracks = plans.map((plan, i) => {
    const total = plan.times.reduce((sum, [count]) => sum + count, 0);
    const samples = Array.from({ length: total }, (_, n) => sample(i, n));
    const chunks: Buffer[] = [];
    for (let at = 0; at < total;) {
      const size = plan.chunks.findLast(([first]) => first <= chunks.length + 1)![1];
      chunks.push(Buffer.concat(samples.slice(at, at + size)));
      at += size;
    }
    return { plan, samples, chunks };
  });
  // Chunks of the tracks take turns.
  const order = tracks.flatMap(({ chunks }, track) => chunks.map((chunk, i) => ({ track, i, chunk })));
  order.sort(
    (a, b) => a.i / tracks[a.track]!.chunks.length - b.i / tracks[b.track]!.chunks.length || a.track - b.track,
  );
  const index = (base: number): Buffer => {
    const offsets = tracks.map((): number[] => []);
    let at = base;
    for (const { track, chunk } of order) {
      offsets[track]!.push(at);
      at += chunk.length;
    }
    const traks = tracks.map(({ plan, samples }, i) => {
      const duration = plan.times.reduce((sum, [count, each]) => sum + count * each, 0);
      const stbl = atom(
        "stbl",
        atom("stsd", words(0, 1), atom("mp4v", Buffer.alloc(8))),
        table("stts", plan.times.length, plan.times.flat()),
        ...(plan.keys ? [table("stss", plan.keys.length, plan.keys)] : []),
        ...(plan.compositions ? [table("ctts", plan.compositions.length, plan.compositions.flat())] : []),
        table(
          "stsc",
          plan.chunks.length,
          plan.chunks.flatMap(([first, count]) => [first, count, 1]),
        ),
        atom("stsz", words(0, 0, samples.length, ...samples.map(({ length }) => length))),
        plan.wideOffsets
          ? table(
              "co64",
              offsets[i]!.length,
              offsets[i]!.flatMap((offset) => [0, offset]),
            )
          : table("stco", offsets[i]!.length, offsets[i]!),
      );
      return atom(
        "trak",
        atom("tkhd", words(7, 0, 0, i + 1, 0, Math.round((duration / plan.timescale) * movieScale)), Buffer.alloc(60)),
        atom(
          "mdia",
          atom("mdhd", words(0, 0, 0, plan.timescale, duration, 0)),
          atom("hdlr", words(0, 0), Buffer.from("vide"), Buffer.alloc(12)),
          atom("minf", atom("vmhd", words(1, 0, 0)), atom("dinf", words(0)), stbl),
        ),
      );
    });
    return atom(
      "moov",
      atom("mvhd", words(0, 0, 0, movieScale, Math.round(seconds * movieScale)), Buffer.alloc(80)),
      ...traks,
    );
  };
  const data = atom("mdat", ...order.map(({ chunk }) => chunk));
  if (options.indexLast) return Buffer.concat([ftyp, data, index(ftyp.length + 8)]);
  return Buffer.concat([ftyp, index(ftyp.length + index(0).length + 8), data]);
}

/** Reads a film as a player does: for each track, what each of its samples says, and when it is shown. */
export function playFilm(film: Buffer): { times: number[]; samples: string[]; edits: number }[] {
  const inside = (bytes: Buffer): Map<string, Buffer[]> => {
    const found = new Map<string, Buffer[]>();
    for (let at = 0; at < bytes.length; at += bytes.readUInt32BE(at)) {
      const name = bytes.toString("latin1", at + 4, at + 8);
      found.set(name, [...(found.get(name) ?? []), bytes.subarray(at + 8, at + bytes.readUInt32BE(at))]);
    }
    return found;
  };
  const numbers = (bytes: Buffer, from: number): number[] =>
    Array.from({ length: (bytes.length - from) / 4 }, (_, i) => bytes.readUInt32BE(from + i * 4));
  const moov = inside(inside(film).get("moov")![0]!);
  return moov.get("trak")!.map((trak) => {
    const tables = inside(inside(inside(inside(trak).get("mdia")![0]!).get("minf")![0]!).get("stbl")![0]!);
    const one = (name: string): number[] => numbers(tables.get(name)![0]!, 8);
    const stts = one("stts");
    const times: number[] = [];
    for (let i = 0; i < stts.length; i += 2) for (let n = 0; n < stts[i]!; n++) times.push(stts[i + 1]!);
    const sizes = numbers(tables.get("stsz")![0]!, 12);
    const stsc = one("stsc");
    const offsets = tables.has("co64") ? one("co64").filter((_, i) => i % 2 === 1) : one("stco");
    const samples: string[] = [];
    for (let i = 0, entry = 0, next = 0; i < offsets.length; i++) {
      while (entry + 3 < stsc.length && stsc[entry + 3]! <= i + 1) entry += 3;
      let at = offsets[i]!;
      for (let n = 0; n < stsc[entry + 1]! && next < sizes.length; n++) {
        samples.push(film.toString("latin1", at, at + sizes[next]!));
        at += sizes[next++]!;
      }
    }
    const keys = tables.has("stss") ? one("stss").map((key) => samples[key - 1]!) : [];
    return {
      times,
      samples: samples.map((text) => (keys.includes(text) ? `${text}!` : text)),
      edits: inside(trak).get("edts")?.length ?? 0,
    };
  });
}
