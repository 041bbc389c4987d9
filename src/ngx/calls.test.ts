import { expect, test } from "bun:test";
import type { Request } from "../core/request.ts";
import { calls, callsBytes, describeCalls } from "./calls.ts";

const requestFor = (target: string): Request => ({ main: { method: "GET", target } }) as Request;

function fresh(): Uint8Array {
  const memory = new Uint8Array(callsBytes);
  calls.share(memory);
  return memory;
}

test("nothing is noted before somebody wants to read it", () => {
  expect(calls.wait("early", requestFor("/"))).toBe(0);
  calls.enter("early");
  calls.leave();
  calls.end(0);
  expect(describeCalls(fresh())).toBe("");
});

test("the innermost call is the one that has not come back", () => {
  const memory = fresh();
  calls.enter("a in conf:1", requestFor("/outer"));
  expect(describeCalls(memory)).toBe('it was in a in conf:1 for "GET /outer"');
  calls.enter("b in conf:2", requestFor("/inner"));
  expect(describeCalls(memory)).toBe('it was in b in conf:2 for "GET /inner"');
  calls.leave();
  expect(describeCalls(memory)).toBe('it was in a in conf:1 for "GET /outer"');
  calls.leave();
  calls.enter("a callback of ngx.timer");
  expect(describeCalls(memory)).toBe("it was in a callback of ngx.timer");
  calls.leave();
  expect(describeCalls(memory)).toBe("");
});

test("calls deeper than are noted do no harm", () => {
  const memory = fresh();
  for (let depth = 1; depth <= 10; depth++) calls.enter(`call ${depth}`);
  expect(describeCalls(memory)).toBe("it was in call 4");
  for (let depth = 1; depth <= 10; depth++) calls.leave();
  expect(describeCalls(memory)).toBe("");
});

test("of those that wait, five are named, and their places are used again", () => {
  const memory = fresh();
  const entries = Array.from({ length: 100 }, (_, i) => calls.wait("slow", requestFor(`/${i}`)));
  expect(entries.filter((entry) => entry === 0).length).toBe(40);
  expect(describeCalls(memory)).toBe(
    'one of these did not come back after a wait: slow for "GET /0", slow for "GET /1", slow for "GET /2", ' +
      'slow for "GET /3", slow for "GET /4" and 55 more',
  );
  for (const entry of entries) calls.end(entry);
  expect(describeCalls(memory)).toBe("");
  calls.end(calls.wait("other", requestFor("/x")));
  const again = calls.wait("slow", requestFor("/y"));
  expect(describeCalls(memory)).toEndWith(': slow for "GET /y"');
  calls.end(again);
});

test("long texts are cut, and none breaks a line of the log", () => {
  const memory = fresh();
  calls.enter(`ü${"w".repeat(300)}`, requestFor(`/\n\x1b[31m"${"t".repeat(300)}`));
  const said = describeCalls(memory);
  expect(said).toStartWith("it was in üwww");
  expect(said).toContain('"GET /??[31m"ttt');
  expect(said.length).toBeLessThan(300);
  expect(said).toMatch(/^[\x20-\x7eü]+$/);
  calls.leave();
});
