import { expect, test } from "bun:test";
import type { Request } from "../core/request.ts";
import { calls, callsBytes, describeCalls } from "./calls.ts";

const requestFor = (target: string): Request => ({ main: { method: "GET", target } }) as Request;

function fresh(): Buffer {
  const memory = Buffer.alloc(callsBytes);
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

test("of those that wait, the latest five are named", () => {
  const memory = fresh();
  const wait = (i: number): number => calls.wait("slow", requestFor(`/${i}`));
  const first = wait(0);
  expect(describeCalls(memory)).toBe(
    'one of these did not come back after a wait, the latest first: slow for "GET /0"',
  );
  const others = Array.from({ length: 99 }, (_, i) => wait(i + 1));
  expect(describeCalls(memory)).toEndWith(
    'first: slow for "GET /99", slow for "GET /98", slow for "GET /97", slow for "GET /96", slow for "GET /95", or one before them',
  );
  calls.end(others.pop()!);
  expect(describeCalls(memory)).toContain('first: slow for "GET /98"');
  calls.end(first); // long forgotten: its place is another's now
  for (const number of others.splice(50)) calls.end(number);
  expect(describeCalls(memory)).toContain('first: slow for "GET /50"');
  for (const number of others) calls.end(number);
  expect(describeCalls(memory)).toBe("");
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
