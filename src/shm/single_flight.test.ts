import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SharedDict } from "./dict.ts";
import { openZone } from "./zone.ts";

const directory = mkdtempSync(join(tmpdir(), "resty-dict-"));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
const fresh = (sizeBytes = 64 * 1024) =>
  new SharedDict(openZone({ name: "test", path: join(directory, `zone${files++}`), sizeBytes }));

describe("getOrSet", () => {
  test("loads once for all who ask at once", async () => {
    const dict = fresh();
    let loads = 0;
    const load = async () => {
      loads++;
      await Bun.sleep(5);
      return `made ${loads}`;
    };
    const answers = await Promise.all(Array.from({ length: 50 }, () => dict.getOrSet("k", 10, load)));
    expect(new Set(answers)).toEqual(new Set(["made 1"]));
    expect(await dict.getOrSet("k", 10, load)).toBe("made 1");
    expect(loads).toBe(1);
  });

  test("an error reaches who asked, and the next one tries again", async () => {
    const dict = fresh();
    const failing = () => Promise.reject(new Error("no such thing"));
    expect(dict.getOrSet("k", 10, failing)).rejects.toThrow("no such thing");
    await Bun.sleep(0);
    expect(await dict.getOrSet("k", 10, () => 5)).toBe(5);
  });

  test("the stale value does for those who come while another loads", async () => {
    const dict = fresh();
    dict.set("k", "old", 0.001);
    while (dict.get("k") !== undefined) await Bun.sleep(1);
    const { promise, resolve } = Promise.withResolvers<string>();
    const first = dict.getOrSet("k", 10, () => promise, { staleSeconds: 60 });
    expect(await dict.getOrSet("k", 10, () => "never" as string, { staleSeconds: 60 })).toBe("old");
    resolve("new");
    expect(await first).toBe("new");
    expect(dict.get("k")).toBe("new");
  });

  test("undefined is handed on and not kept", async () => {
    const dict = fresh();
    expect(await dict.getOrSet("k", 10, () => undefined)).toBeUndefined();
    expect(dict.typeOf("k")).toBeUndefined();
    expect(dict.getKeys()).toEqual([]);
  });
});
