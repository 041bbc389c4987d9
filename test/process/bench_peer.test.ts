// The comparison with nginx keeps working: one pair of one row, too short to say anything about speed.
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");

test("both servers do the same work, and the page has its row", async () => {
  const folder = mkdtempSync(join(tmpdir(), "resty-compare-"));
  const page = join(folder, "RESULTS.md");
  const resty = process.env["RESTY_BIN"] ?? join(folder, "none: the sources are run then");
  const child = Bun.spawn(
    [
      ...[process.execPath, join(root, "bench/peer/run.ts"), "--only", "cache hit", "--pairs", "1", "--seconds", "1"],
      ...["--resty", resty, "--out", page],
    ],
    { stdout: "pipe", stderr: "pipe" },
  );
  const said = await new Response(child.stderr).text();
  expect({ code: await child.exited, said }).toEqual({ code: 0, said: "" });
  const row = /^\| session validate, shared cache hit \| ([\d.]+) \| ([\d.]+) \| [\d.]+ \|/m.exec(
    readFileSync(page, "utf8"),
  );
  expect(row).not.toBeNull();
  for (const microseconds of row!.slice(1, 3)) {
    expect(Number(microseconds)).toBeGreaterThan(1);
    expect(Number(microseconds)).toBeLessThan(2000);
  }
  rmSync(folder, { recursive: true });
}, 60_000);
