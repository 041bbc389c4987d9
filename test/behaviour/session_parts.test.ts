import { describe, expect, test } from "bun:test";
import { fieldsOf, headOf, isId, newId, sessionJson } from "../../handlers/api/session/_session.ts";
import { Turn } from "../../handlers/api/session/_turn.ts";

describe("a turn", () => {
  test("does at once what was asked for in one turn of the event loop, and answers each", async () => {
    const calls: number[][] = [];
    const turn = new Turn<number, string>(async (items) => {
      calls.push([...items]);
      return items.map(String);
    }, 3);
    expect(await Promise.all([1, 2, 3, 4].map((item) => turn.add(item)))).toEqual(["1", "2", "3", "4"]);
    expect(await turn.add(5)).toBe("5");
    expect(calls).toEqual([[1, 2, 3], [4], [5]]);
  });

  test("that fails fails for all in it, and for nobody after it", async () => {
    let fails = true;
    const turn = new Turn<number, number>(async (items) => {
      if (fails) throw new Error("no");
      return items;
    }, 10);
    const results = await Promise.allSettled([turn.add(1), turn.add(2)]);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    fails = false;
    expect(await turn.add(3)).toBe(3);
  });
});

test("a head with its time is the session's JSON", () => {
  const session = { user_id: 'a"\n', user_data: "ä\u2028\0", created_at: 5 };
  const head = headOf(session);
  expect(JSON.parse(sessionJson(head, 7))).toEqual({ ...session, last_accessed: 7 });
  expect(fieldsOf(head)).toEqual({ ...session, last_accessed: 0 });
});

test("new ids are ids", () => {
  for (let i = 0; i < 100; i++) expect(isId(newId())).toBe(true);
  for (const text of ["", "0".repeat(31), "0".repeat(33), "A".repeat(32), "g".repeat(32), `${"0".repeat(31)}\n`])
    expect(isId(text)).toBe(false);
});
