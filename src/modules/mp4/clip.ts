import type { Body } from "../../core/body.ts";
import type { DiskFile } from "../open_file_cache/disk_file.ts";
import { readSlice } from "../open_file_cache/read_body.ts";
import { atomsOf, makeAtom, Mp4Error, readHeader, TimedAtom } from "./atoms.ts";
import { type Clip, cutTrack } from "./track.ts";

/** Where the atoms of the file's own level are. */
interface Layout {
  ftyp: Buffer;
  moov: Buffer | undefined;
  mdat: { start: number; end: number } | undefined;
  /** The index stands before the data, as a player needs it to begin at once. */
  indexFirst: boolean;
}

/**
 * A clip of an MP4 file as a file of its own: a new index, and that part of the data that it needs, which is not read.
 * @returns undefined when the file as it is does already: all of it is wanted and its index comes first.
 * @throws Mp4Error
 */
export function clipOf(file: DiskFile, clip: Clip, indexBytesMax: number): Body | undefined {
  const { ftyp, moov, mdat, indexFirst } = readLayout(file, clip, indexBytesMax);
  if (indexFirst && clip.startMs === 0 && clip.lengthMs === 0) return undefined;
  if (!moov) throw new Mp4Error("no mp4 trak atoms were found");
  if (!mdat) throw new Mp4Error("no mp4 mdat atom was found");
  const atoms = atomsOf(moov);
  const header = atoms.find(({ name }) => name === "mvhd");
  if (!header) throw new Mp4Error("no mp4 mvhd atom was found");
  const mvhd = new TimedAtom("mvhd", header.content);
  const { timescale } = mvhd;
  const rest = mvhd.duration - Math.floor((clip.startMs * timescale) / 1000);
  if (rest < 0) throw new Mp4Error("mp4 start time exceeds file duration");
  mvhd.duration = clip.lengthMs > 0 ? Math.min(rest, Math.floor((clip.lengthMs * timescale) / 1000)) : rest;

  const tracks = atoms
    .filter(({ name }) => name === "trak")
    .flatMap(({ content }) => cutTrack(content, timescale, clip, mdat.end) ?? []);
  if (tracks.length === 0) throw new Mp4Error("no mp4 trak atoms were found");
  const start = Math.min(...tracks.map(({ startOffset }) => startOffset));
  const end = Math.max(...tracks.map(({ endOffset }) => endOffset));
  if (end <= start) throw new Mp4Error("no data between start time and end time");
  if (start >= mdat.end || end > file.sizeBytes) throw new Mp4Error("start time is out mp4 mdat atom");

  const index = (shift: number): Buffer => makeAtom("moov", mvhd.make(), ...tracks.map((track) => track.make(shift)));
  const dataHeader = mdatHeader(end - start);
  const shift = ftyp.length + index(0).length + dataHeader.length - start;
  return [Buffer.concat([ftyp, index(shift), dataHeader]), { file, start, end }];
}

function readLayout(file: DiskFile, clip: Clip, indexBytesMax: number): Layout {
  const layout: Layout = { ftyp: Buffer.alloc(0), moov: undefined, mdat: undefined, indexFirst: false };
  const whole = { file, start: 0, end: file.sizeBytes };
  const bytes = (from: number, to: number): Buffer => Buffer.from(readSlice(whole, from, to));
  for (let at = 0; at < file.sizeBytes;) {
    const header = readHeader(bytes(at, Math.min(at + 16, file.sizeBytes)), file.sizeBytes - at);
    if (!header) break;
    const { name, headerBytes, sizeBytes } = header;
    if (name === "moov") {
      if (layout.moov) throw new Mp4Error("duplicate mp4 moov atom");
      layout.indexFirst = layout.mdat === undefined;
      if (layout.indexFirst && clip.startMs === 0 && clip.lengthMs === 0) return layout;
      if (sizeBytes > indexBytesMax)
        throw new Mp4Error(`mp4 moov atom is too large:${sizeBytes}, you may want to increase mp4_max_buffer_size`);
      layout.moov = bytes(at + headerBytes, at + sizeBytes);
    } else if (name === "mdat") {
      if (layout.mdat) throw new Mp4Error("duplicate mp4 mdat atom");
      layout.mdat = { start: at + headerBytes, end: at + sizeBytes };
    } else if (name === "ftyp") {
      if (sizeBytes > 1024) throw new Mp4Error("mp4 ftyp atom is too large");
      layout.ftyp = bytes(at, at + sizeBytes);
    }
    if (layout.moov && layout.mdat) break;
    at += sizeBytes;
  }
  return layout;
}

function mdatHeader(dataBytes: number): Buffer {
  const long = dataBytes + 8 > 0xffff_ffff;
  const header = Buffer.alloc(long ? 16 : 8);
  header.writeUInt32BE(long ? 1 : dataBytes + 8, 0);
  header.write("mdat", 4, "latin1");
  if (long) header.writeBigUInt64BE(BigInt(dataBytes + 16), 8);
  return header;
}
