// Times single parts: `bun bench/micro/main.ts [PART OF A NAME]`.
import { loadMicros, timeMicro } from "./harness.ts";

const only = process.argv[2] ?? "";
for (const [file, micros] of await loadMicros()) {
  for (const micro of micros) {
    if (!`${file} ${micro.name}`.includes(only)) continue;
    const { medianNs, lowestNs } = timeMicro(micro);
    const what = `${file.replace(".bench.ts", "").padEnd(12)} ${micro.name.padEnd(48)}`;
    console.log(`${what} ${medianNs.toFixed(1)} ns (at best ${lowestNs.toFixed(1)})`);
  }
}
