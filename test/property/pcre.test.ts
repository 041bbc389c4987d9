import { expect, test } from "bun:test";
import { type Limits, run } from "../../src/std/pcre/machine.ts";
import { parsePattern } from "../../src/std/pcre/parse.ts";
import { compilePcre, Matcher } from "../../src/std/pcre/pcre.ts";
import { assemble, isMemoryless } from "../../src/std/pcre/program.ts";
import { PatternError } from "../../src/std/pcre/syntax.ts";
import { Inexpressible, translate } from "../../src/std/pcre/translate.ts";
import { Prng } from "../../src/std/prng.ts";

const seed = Prng.seedFromEnvironment();
const rounds = Number(process.env.PCRE_ROUNDS ?? 1);

const atoms = [
  ..."aabbc/A1",
  ...[".", "\\w", "\\W", "\\s", "\\d", "\\R", "\\x{e9}", "[ab]", "[^a]", "[^/]", "[a-c1]", "[]a]", "[[:alpha:]]"],
  ...["^", "$", "\\b", "\\B", "\\Z", "\\z", "\\1", "\\2", "\\g{-1}", "(?i)", "(?s)", "(?m)", "(?U)"],
];
const openings = ["(", "(", "(?:", "(?>", "(?=", "(?!", "(?<=", "(?<!", "(?i:", "(?s-i:"];
const repeats = ["*", "+", "?", "{2}", "{1,2}", "{0,3}", "{2,}"];
const subjects = [
  ...["", "a", "ab", "aab", "abab", "aaaa", "abc", "ABC", "aAbB", "/a/b/", "a\n", "\n", "a\nb", "ab\n\n", "1a b"],
  ...["\xe9", "\xc9a\xe9", "\xa0 a", "a\r\nb", "aabbaabb", "cab/abc/1-1", "bbbb", "\0a", "aaaaaaaaab"],
];

function patternIn(random: Prng, depth: number): string {
  const items = Array.from({ length: 1 + random.below(3) }, () => {
    if (depth === 0 || random.below(3) === 0) return random.pick(atoms);
    const group = `${random.pick(openings)}${patternIn(random, depth - 1)})`;
    if (random.below(2)) return group;
    return `(?:${patternIn(random, depth - 1)})${random.pick(repeats)}${random.pick(["", "", "?", "+"])}`;
  });
  return items.join("") + (random.below(4) === 0 ? `|${patternIn(random, 0)}` : "");
}

/** A pattern that could be parsed, for most are. */
function parsedIn(random: Prng) {
  for (;;) {
    const pattern = patternIn(random, 3);
    try {
      return { pattern, parsed: parsePattern(pattern, { caseInsensitive: random.below(4) === 0 }) };
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
    }
  }
}

test(`the runtime's engine and the one that counts match alike (SEED=${seed})`, () => {
  let compared = 0;
  for (let round = 0; round < 1500 * rounds; round++) {
    const { pattern, parsed } = parsedIn(new Prng(seed + round));
    let regex: RegExp | undefined;
    let groupMap: readonly number[] | undefined;
    try {
      const translation = translate(parsed);
      regex = new RegExp(translation.source);
      groupMap = translation.groupMap;
    } catch (error) {
      if (!(error instanceof Inexpressible)) throw error;
    }
    const programs = [assemble(parsed.root, false)!];
    if (isMemoryless(parsed.root)) programs.push(assemble(parsed.root, true)!);
    for (const subject of subjects) {
      const counted = programs.map((program, remember) => {
        const offsets = run(program, subject, parsed.groups, { ...limits, remember: remember === 1 });
        return typeof offsets === "string" ? offsets : textsOf(subject, offsets);
      });
      // Without memory, a pattern can take too many steps even here.
      const known = counted.filter((texts) => texts !== "match limit");
      if (known.length === 0) continue;
      const [truth, remembered] = known;
      if (remembered) expect([seed + round, pattern, remembered]).toEqual([seed + round, pattern, truth!]);
      if (!regex) continue;
      const match = regex.exec(subject);
      const texts = match && (groupMap ? groupMap.map((group) => match[group]) : [...match]);
      expect([seed + round, pattern, texts ?? "no match"]).toEqual([seed + round, pattern, truth!]);
      compared++;
    }
  }
  expect(compared).toBeGreaterThan(10_000 * rounds);
});

const limits: Omit<Limits, "remember"> = { from: 0, stepsMax: 200_000, onlyAtStart: false, firstBytes: undefined };

function textsOf(subject: string, offsets: Int32Array): (string | undefined)[] {
  const texts: (string | undefined)[] = [];
  for (let at = 0; at < offsets.length; at += 2)
    texts.push(offsets[at + 1]! < 0 ? undefined : subject.slice(offsets[at]!, offsets[at + 1]!));
  return texts;
}

test(`no pattern takes long, whatever the subject (SEED=${seed})`, () => {
  for (let round = 0; round < 150 * rounds; round++) {
    const { pattern } = parsedIn(new Prng(seed + round));
    const matcher = compilePcre(`${pattern}x$`);
    if (!(matcher instanceof Matcher)) continue;
    // As long as a header may be, and as long as the engine without a limit is trusted with.
    for (const length of [30, 8000, Math.min(20_000, Math.max(0, matcher.plan.subjectLengthMax))])
      for (const unit of ["a", "ab", "/"]) {
        const started = performance.now();
        matcher.exec(`${unit.repeat(length / unit.length)}!`);
        // The aim is 100 ms; unbounded, it is hours. Ten times that is for a busy machine.
        expect([seed + round, pattern, performance.now() - started < 1000]).toEqual([seed + round, pattern, true]);
      }
  }
});

test(`whatever is not a pattern is refused at a place within it (SEED=${seed})`, () => {
  const parts = [
    ..."\\[](){}?*+|^$.:<>=!#-,abAZ019 \n_xQEiKdk'P",
    "\\Q",
    "\\E",
    "[[:",
    ":]]",
    "(?",
    "(?<n>",
    "{1,",
    "\\x{",
  ];
  for (let round = 0; round < 5000 * rounds; round++) {
    const random = new Prng(seed + round);
    const pattern = Array.from({ length: random.below(12) }, () => random.pick(parts)).join("");
    const matcher = compilePcre(pattern);
    if (matcher instanceof Matcher) expect(() => matcher.exec("ab1")).not.toThrow();
    else expect(matcher.offset).toBeWithin(0, pattern.length + 1);
  }
});
