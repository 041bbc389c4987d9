// The micro benchmarks keep working: each runs here with next to nothing to do.
import { expect, test } from "bun:test";
import { loadMicros } from "./harness.ts";

const files = await loadMicros();

test("there are some", () => expect(files.size).toBeGreaterThan(0));

for (const [file, micros] of files) {
  test.each(micros.map((micro) => [micro.name, micro] as const))(`${file}: %s`, (_, micro) => {
    micro.run(1);
    micro.run(3);
  });
}
