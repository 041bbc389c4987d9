import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Prng } from "../std/prng.ts";
import { ConcurrencyLimit, LeakyBucket, NO_MEMORY, REFUSED, SlidingWindow, TokenBucket } from "./limit.ts";
import { openZone } from "./zone.ts";

const directory = mkdtempSync(join(tmpdir(), "resty-limit-"));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
const zone = (sizeBytes = 64 * 1024) =>
  openZone({ name: "limits", path: join(directory, `zone${files++}`), sizeBytes });
const seed = Prng.seedFromEnvironment();

describe("a leaky bucket", () => {
  /** Rate in requests a second, burst, and [milliseconds, excess or refusal] of request after request. */
  const cases: [string, number, number, [number, number][]][] = [
    [
      "1r/s, no burst",
      1,
      0,
      [
        [0, 0],
        [1, REFUSED],
        [999, REFUSED],
        [1000, 0],
        [1500, REFUSED],
        [2000, 0],
      ],
    ],
    [
      "1r/s, burst 2",
      1,
      2,
      [
        [0, 0],
        [0, 1000],
        [0, 2000],
        [0, REFUSED],
        [500, REFUSED],
        [1000, 2000],
        [9000, 0],
      ],
    ],
    [
      "10r/s, burst 1",
      10,
      1,
      [
        [0, 0],
        [50, 500],
        [100, 1000],
        [150, REFUSED],
        [200, 1000],
      ],
    ],
    [
      "1r/m is 16 thousandths a second",
      1 / 60,
      0,
      [
        [0, 0],
        [60_000, REFUSED],
        [62_500, 0],
      ],
    ],
    [
      "a clock that goes back a little leaks nothing",
      1,
      5,
      [
        [10_000, 0],
        [9000, 1000],
        [10_000, 2000],
      ],
    ],
  ];
  test.each(cases)("%s", (_, rate, burst, requests) => {
    const bucket = new LeakyBucket(zone(), rate);
    expect(requests.map(([at]) => [at, bucket.take("client", burst, 1e12 + at)])).toEqual(requests);
  });

  test("keys are apart, and looking does not charge", () => {
    const bucket = new LeakyBucket(zone(), 1);
    expect(bucket.look("a", 0, 0)).toBe(0);
    expect(bucket.take("a", 0, 0)).toBe(0);
    expect(bucket.look("a", 0, 0)).toBe(REFUSED);
    expect(bucket.look("a", 1, 0)).toBe(1000);
    expect(bucket.look("a", 1, 0)).toBe(1000);
    expect(bucket.take("b", 0, 0)).toBe(0);
    expect(bucket.charge("a", 0)).toBe(1000);
    expect(bucket.take("a", 1, 0)).toBe(REFUSED);
  });

  test("the delay is what the excess takes to leak", () => {
    const bucket = new LeakyBucket(zone(), 10);
    expect([bucket.delayMs(0), bucket.delayMs(1000), bucket.delayMs(2500), bucket.delayMs(2500, 2)]).toEqual([
      0, 100, 250, 50,
    ]);
  });

  test("an empty key and one too long are not limited", () => {
    const bucket = new LeakyBucket(zone(), 1);
    for (const key of ["", "k".repeat(70_000)]) for (let i = 0; i < 3; i++) expect(bucket.take(key, 0, 0)).toBe(0);
  });

  test("the least recently used give way in a full zone", () => {
    const bucket = new LeakyBucket(zone(8192), 1);
    for (let i = 0; i < 1000; i++) expect(bucket.take(`client ${i}`, 0, 0)).toBe(0);
    expect(bucket.take("client 999", 0, 0)).toBe(REFUSED);
    expect(bucket.take("client 0", 0, 0)).toBe(0);
  });

  test(`never lets in more than rate and burst allow (SEED=${seed})`, () => {
    const random = new Prng(seed);
    const bucket = new LeakyBucket(zone(), 5);
    let let_in = 0;
    let now = 0;
    for (; now < 60_000; now += random.below(60)) if (bucket.take("k", 3, now) >= 0) let_in++;
    expect(let_in).toBeLessThanOrEqual(60 * 5 + 3 + 1);
    expect(let_in).toBeGreaterThan(60 * 5 - 5);
  });
});

describe("a limit of what is at work at once", () => {
  test("counts over all workers", () => {
    const shared = zone();
    const [one, two] = [new ConcurrencyLimit(shared, 4, 0), new ConcurrencyLimit(shared, 4, 3)];
    expect([one.enter("k", 3), two.enter("k", 3), one.enter("k", 3), two.enter("k", 3)]).toEqual([1, 2, 3, REFUSED]);
    expect(two.leave("k")).toBe(2);
    expect(one.enter("k", 3)).toBe(3);
    expect(one.count("k")).toBe(3);
    expect([one.leave("k"), one.leave("k"), one.leave("k")]).toEqual([2, 1, 0]);
    expect(shared.stats().entries).toBe(0);
    expect(one.leave("k")).toBe(0);
  });

  test("forgets what a dead worker had open", () => {
    const shared = zone();
    const [dead, alive] = [new ConcurrencyLimit(shared, 2, 0), new ConcurrencyLimit(shared, 2, 1)];
    for (let i = 0; i < 300; i++) dead.enter(`k${i}`, 1);
    alive.enter("k5", 2);
    alive.clearSlot(0);
    expect([alive.count("k5"), alive.count("k6")]).toEqual([1, 0]);
    expect(shared.stats().entries).toBe(1);
  });

  test("never gives a count up for room", () => {
    const limit = new ConcurrencyLimit(zone(8192), 1, 0);
    let entered = 0;
    while (limit.enter(`k${entered}`, 1) === 1) entered++;
    expect(entered).toBeGreaterThan(20);
    expect(limit.enter("another", 1)).toBe(NO_MEMORY);
    expect(limit.enter("k0", 1)).toBe(REFUSED);
  });
});

describe("a token bucket", () => {
  test("starts full, fills at its rate, never above its size", () => {
    const bucket = new TokenBucket(zone(), 10, 5);
    expect([bucket.take("k", 2, 0), bucket.take("k", 3, 0), bucket.take("k", 1, 0)]).toEqual([3, 0, REFUSED]);
    expect(bucket.waitMs("k", 1, 0)).toBe(100);
    expect(bucket.take("k", 1, 99)).toBe(REFUSED);
    expect(bucket.take("k", 1, 100)).toBeCloseTo(0, 9);
    expect(bucket.take("k", 5, 1e9)).toBe(0);
    expect(bucket.take("k", 6, 2e9)).toBe(REFUSED);
    expect(bucket.waitMs("k", 6, 2e9)).toBe(Infinity);
    expect(bucket.waitMs("never seen", 5, 0)).toBe(0);
  });
});

describe("a sliding window", () => {
  test("lets so many in, wherever it begins", () => {
    const window = new SlidingWindow(zone(), 3, 1000);
    const start = Date.now();
    const take = (at: number) => window.take("k", start + at);
    expect([take(0), take(900), take(950), take(999)]).toEqual([2, 1, 0, REFUSED]);
    expect([take(1000), take(1001), take(1899), take(1900), take(1950)]).toEqual([0, REFUSED, REFUSED, 0, 0]);
  });

  test(`does as a list of times does (SEED=${seed})`, () => {
    const random = new Prng(seed);
    const window = new SlidingWindow(zone(), 7, 500);
    const times: number[] = [];
    for (let now = Date.now(), i = 0; i < 5000; i++, now += random.below(200)) {
      const within = times.filter((time) => now - time < 500).length;
      const expected = within < 7 ? 7 - within - 1 : REFUSED;
      expect([seed, i, window.take("k", now)]).toEqual([seed, i, expected]);
      if (within < 7) times.push(now);
      if (times.length > 7) times.shift();
    }
  });

  test("wants a window that makes sense", () => {
    for (const [limit, ms] of [
      [0, 1],
      [1, 0],
      [1, 2 ** 31],
      [NaN, 1],
    ] as const)
      expect(() => new SlidingWindow(zone(), limit, ms)).toThrow(RangeError);
  });
});
