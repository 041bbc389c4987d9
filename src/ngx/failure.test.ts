import { expect, test } from "bun:test";
import { describeFailure, stackOf } from "./failure.ts";

function thrownAt(...frames: readonly string[]): Error {
  const error = new Error("why");
  error.stack = ["Error: why", ...frames.map((frame) => `      at ${frame}`)].join("\n");
  return error;
}

test("of a stack, the script's own calls are told, and none of ours", () => {
  const script = "content_by_ts_block (/srv/src/conf/nginx.conf!24_46.ts:24:46)";
  const handler = "inner (/srv/app/handlers/a.ts:3:7)";
  const own = [
    `call (${import.meta.dir}/request_ngx.ts:12:3)`,
    "Ux (src/modules/ts/run.ts:76:29)",
    "async src/ngx/answer.ts:132:81",
    "k (../../src/runtime/walk.ts:9:34)",
    "q (node_modules/redis/dist/index.js:1:2)",
    "u (/$bunfs/root/resty:9:34)",
    "processTicksAndRejections (native:7:39)",
  ];
  expect(stackOf(thrownAt(own[0]!, script, own[1]!, handler, ...own.slice(2)))).toBe(
    "\n    at content_by_ts_block (/srv/src/conf/nginx.conf:24:46)\n    at inner (/srv/app/handlers/a.ts:3:7)",
  );
  expect(stackOf(thrownAt(...own))).toBe("");
});

test("causes are told, and what was thrown need be no error", () => {
  const outer = new Error("outer", { cause: 7 });
  outer.stack = "Error: outer\n    at f (/srv/a.ts:1:2)";
  expect(stackOf(outer)).toBe("\n    at f (/srv/a.ts:1:2)\ncaused by thrown: 7");
  expect(stackOf("text")).toBe("");
  expect(describeFailure(new TypeError("x"))).toBe("TypeError: x");
  expect(describeFailure(null)).toBe("thrown: null");
});
