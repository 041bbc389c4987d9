import { expect } from "bun:test";
import { block, type Step } from "../lib/index.ts";
import { makeFilm, playFilm, type TrackPlan } from "../lib/film.ts";

const picture: TrackPlan = {
  timescale: 600,
  times: [
    [50, 24],
    [30, 20],
    [20, 30],
  ], // 2 s, 1 s, 1 s
  compositions: [
    [10, 0],
    [60, 24],
    [30, 48],
  ],
  keys: [1, 13, 40, 77],
  chunks: [
    [1, 7],
    [3, 5],
    [9, 4],
  ],
};
const sound: TrackPlan = { timescale: 8000, times: [[40, 800]], chunks: [[1, 10]] };
const film = makeFilm([picture, sound]);
const files = {
  "film.mp4": film,
  "late.mp4": makeFilm([picture, sound], { indexLast: true }),
  "wide.mp4": makeFilm([{ ...picture, wideOffsets: true }]),
  "no.mp4": "this is no film at all, is it",
  "cut.mp4": film.subarray(0, 200),
  "a.flv": "FLV-0123456789",
};

const durations = picture.times.flatMap(([count, each]) => Array<number>(count).fill(each));

/** Samples `from` to `to` (exclusive) of the picture, as the film says them. */
const expected = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => from + i).map(
    (n) => `<0:${n}>${".".repeat(n % 5)}${picture.keys!.includes(n + 1) ? "!" : ""}`,
  );

const clip = (path: string, from: number, to: number, edits = 0): Step => ({
  get: path,
  status: 200,
  check(answer) {
    const bytes = Buffer.from(answer.bytes);
    expect(answer.header("content-length")).toBe(String(bytes.length));
    const played = playFilm(bytes)[0]!;
    expect(played.samples).toEqual(expected(from, to));
    expect(played.times).toEqual(durations.slice(from, to));
    expect(played.edits).toBe(edits);
  },
});

const unchanged = (path: string): Step => ({
  get: path,
  status: 200,
  check: (answer) => expect(Buffer.from(answer.bytes).equals(film)).toBe(true),
});

block("a film from one time to another", {
  files,
  http: "types { video/mp4 mp4; }",
  server: `
    location / { mp4; }
    location /key/ { alias html/; mp4; mp4_start_key_frame on; }
    location /small/ { alias html/; mp4; mp4_buffer_size 64; mp4_max_buffer_size 100; }
  `,
  steps: [
    unchanged("/film.mp4"),
    unchanged("/film.mp4?start=0"),
    unchanged("/film.mp4?start=x"),
    unchanged("/film.mp4?end=0"),
    clip("/film.mp4?start=1", 25, 100),
    clip("/film.mp4?start=1.5", 37, 100),
    clip("/film.mp4?start=0.04", 1, 100),
    clip("/film.mp4?start=2.5", 65, 100),
    clip("/film.mp4?start=3.97", 99, 100),
    clip("/film.mp4?end=1", 0, 25),
    clip("/film.mp4?start=1&end=2.1", 25, 53),
    clip("/film.mp4?start=0.5&end=3.5", 12, 89),
    clip("/film.mp4?start=1&end=1.3", 25, 32),
    clip("/film.mp4?start=1&end=100", 25, 100),
    clip("/film.mp4?start=1.0001&end=0.5", 25, 100),
    clip("/late.mp4?start=0", 0, 100),
    clip("/late.mp4?start=1&end=2.1", 25, 53),
    clip("/wide.mp4?start=1&end=2.1", 25, 53),
    clip("/key/film.mp4?start=1", 12, 100, 1),
    clip("/key/film.mp4?start=0.48", 12, 100),
    clip("/key/film.mp4?start=1&end=2.1", 12, 53, 1),
    { get: "/film.mp4?start=1", headersOut: { "content-type": "video/mp4", "accept-ranges": "bytes" } },
    { get: "/film.mp4?start=1", headers: { Range: "bytes=4-7" }, status: 206, body: "ftyp" },
    { head: "/film.mp4?start=1", status: 200 },
    { post: "/film.mp4", send: "x", status: 405 },
    { get: "/film.mp4?start=100", status: 500 },
    { get: "/no.mp4?start=1", status: 500 },
    { get: "/cut.mp4?start=1", status: 500 },
    { get: "/no.mp4", status: 200 },
    { get: "/none.mp4?start=1", status: 404 },
    { get: "/small/film.mp4?start=1", status: 500 },
  ],
  errorLog: [/mp4 start time exceeds file duration/, /mp4 moov atom is too large/],
});

block("a Flash video from a byte on", {
  files,
  server: "location / { flv; }",
  steps: [
    { get: "/a.flv", body: "FLV-0123456789" },
    { get: "/a.flv?start=10", body: "FLV\x01\x05\0\0\0\x09\0\0\0\x006789", headersOut: { "content-length": "17" } },
    { get: "/a.flv?start=14", body: "FLV-0123456789" },
    { get: "/a.flv?start=-1", body: "FLV-0123456789" },
    { post: "/a.flv", send: "x", status: 405 },
    { get: "/none.flv", status: 404 },
  ],
});
