import { expect, test } from "bun:test";
import { join } from "node:path";

const instants = { winter: Date.UTC(2026, 0, 9, 3, 4, 5), summer: Date.UTC(2026, 6, 1, 23, 59, 59) };

/** What a process says whose zone is `zone`. */
function texts(zone: string, timeMs: number): unknown {
  const script = `import * as c from ${JSON.stringify(join(import.meta.dir, "clock.ts"))};
    const date = new Date(${timeMs});
    console.log(JSON.stringify([c.errorLogTime(date), c.localTime(date), c.isoTime(date), c.localTimeText(date), c.syslogTime(${timeMs})]));`;
  const run = Bun.spawnSync({ cmd: [process.execPath, "-e", script], env: { ...process.env, TZ: zone } });
  return JSON.parse(run.stdout.toString());
}

test.each([
  [
    "UTC",
    "winter",
    "2026/01/09 03:04:05",
    "09/Jan/2026:03:04:05 +0000",
    "2026-01-09T03:04:05+00:00",
    "Jan  9 03:04:05",
  ],
  [
    "Asia/Kathmandu",
    "winter",
    "2026/01/09 08:49:05",
    "09/Jan/2026:08:49:05 +0545",
    "2026-01-09T08:49:05+05:45",
    "Jan  9 08:49:05",
  ],
  [
    "America/St_Johns",
    "winter",
    "2026/01/08 23:34:05",
    "08/Jan/2026:23:34:05 -0330",
    "2026-01-08T23:34:05-03:30",
    "Jan  8 23:34:05",
  ],
  [
    "America/St_Johns",
    "summer",
    "2026/07/01 21:29:59",
    "01/Jul/2026:21:29:59 -0230",
    "2026-07-01T21:29:59-02:30",
    "Jul  1 21:29:59",
  ],
] as const)("local time in %s, %s", (zone, when, errorLog, local, iso, syslog) => {
  const plain = errorLog.replaceAll("/", "-");
  expect(texts(zone, instants[when])).toEqual([errorLog, local, iso, plain, syslog]);
});
