import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SharedDict } from "./dict.ts";
import { openZone, type Zone } from "./zone.ts";

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

describe("getOrSet by several processes", () => {
  const code = (zone: Zone, load: string) => `
    const { openZone } = await import(${JSON.stringify(join(import.meta.dir, "zone.ts"))});
    const { SharedDict } = await import(${JSON.stringify(join(import.meta.dir, "dict.ts"))});
    const dict = new SharedDict(openZone(${JSON.stringify({ name: "test", path: zone.path, sizeBytes: zone.sizeBytes })}));
    dict.incr("ready", 1, 0);
    while (dict.get("go") === undefined) await Bun.sleep(1);
    console.log(await dict.getOrSet("k", 60, async () => {
      dict.incr("loads", 1, 0);
      ${load}
    }));`;
  const start = (script: string) =>
    Bun.spawn({ cmd: [process.execPath, "-e", script], stdio: ["ignore", "pipe", "inherit"] });

  test("loads once", async () => {
    const dict = fresh();
    const script = code(dict.zone, "await Bun.sleep(50); return `made by ${process.pid}`;");
    const children = Array.from({ length: 4 }, () => start(script));
    while (dict.get("ready") !== children.length) await Bun.sleep(1);
    dict.set("go", true);
    const answers = await Promise.all(children.map((child) => new Response(child.stdout).text()));
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toStartWith("made by ");
    expect(dict.get("loads")).toBe(1);
  }, 30_000);

  test("another loads when the one that did is killed", async () => {
    const dict = fresh();
    const child = start(code(dict.zone, "await Bun.sleep(3_600_000);"));
    dict.set("go", true);
    while (dict.get("loads") !== 1) await Bun.sleep(1);
    const answer = dict.getOrSet("k", 60, () => "made after all", { leaseSeconds: 3600 });
    expect(await Promise.race([answer, Bun.sleep(20)])).toBeUndefined();
    child.kill("SIGKILL");
    expect(await answer).toBe("made after all");
    await child.exited;
  }, 30_000);
});
