// Question: what does the load generator do for each answer, besides the two system calls? A tenth of a microsecond
// here is one per cent of what wrk can send. Left out: the sockets, which the comparison with wrk holds.
import { createHistogram, drain, recordMs } from "../histogram.ts";
import { Pace } from "../pace.ts";
import { ResponseParser } from "../parser.ts";
import type { Micro } from "./harness.ts";

const nginx = Buffer.from(
  "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Mon, 23 Nov 2026 15:00:00 GMT\r\nContent-Type: text/plain\r\n" +
    "Content-Length: 12\r\nConnection: keep-alive\r\n\r\nhello world\n",
);
const chunked = Buffer.from(
  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" +
    `40\r\n${"x".repeat(64)}\r\n40\r\n${"x".repeat(64)}\r\n0\r\n\r\n`,
);

function parse(name: string, bytes: Uint8Array, keep: boolean): Micro {
  const parser = new ResponseParser();
  parser.keep = keep;
  return {
    name,
    run(times) {
      for (let i = 0; i < times; i++) {
        if (parser.feed(bytes, 0) !== bytes.length) throw new Error(`not read: ${parser.problem}`);
      }
    },
  };
}

const recording = createHistogram();
const busy = createHistogram();
const pace = new Pace(0, 100_000, 0);

const micros: Micro[] = [
  parse("parse an answer, bytes counted", nginx, false),
  parse("parse an answer, bytes kept", nginx, true),
  parse("parse two chunks", chunked, false),
  {
    name: "record a latency",
    run(times) {
      for (let i = 0; i < times; i++) recordMs(recording, (i % 5000) / 100);
    },
  },
  {
    name: "the next due time",
    run(times) {
      for (let i = 0; i < times; i++) pace.advance();
    },
  },
  {
    name: "drain a histogram of 2000 different latencies",
    run(times) {
      for (let i = 0; i < times; i++) {
        for (let value = 1; value <= 2000; value++) recordMs(busy, value / 100);
        drain(busy);
      }
    },
  },
];

export default micros;
