import { describe, expect, test } from "bun:test";
import { backtracks } from "./ambiguity.ts";
import { run } from "./machine.ts";
import { parsePattern } from "./parse.ts";
import { cases } from "./pcre.cases.ts";
import { compilePcre, describePcreError, Matcher, translatePcre } from "./pcre.ts";
import { assemble, isMemoryless } from "./program.ts";

function matcher(pattern: string, caseInsensitive = false): Matcher {
  const compiled = compilePcre(pattern, { caseInsensitive });
  if (!(compiled instanceof Matcher)) throw new Error(compiled.error);
  return compiled;
}

const listed = (match: ReturnType<Matcher["exec"]>) => (typeof match === "object" ? [...match] : (match ?? null));

describe("matches as PCRE does", () => {
  test.each(cases)("%p in %p", (pattern, subject, expected) => {
    expect(listed(matcher(pattern).exec(subject))).toEqual(expected);
  });

  test.each(cases)("%p in %p, counting steps", (pattern, subject, expected) => {
    const { root, groups } = parsePattern(pattern, {});
    const limits = { from: 0, stepsMax: 10_000, onlyAtStart: false, firstBytes: undefined };
    const counted = (choicesOnly: boolean) => {
      const offsets = run(assemble(root, choicesOnly)!, subject, groups, { ...limits, remember: choicesOnly });
      if (typeof offsets === "string") return offsets === "no match" ? null : offsets;
      const [...starts] = offsets.filter((_, index) => index % 2 === 0);
      return starts.map((start, group) => {
        const end = offsets[2 * group + 1]!;
        return end < 0 ? undefined : subject.slice(start, end);
      });
    };
    expect(counted(false)).toEqual(expected);
    if (isMemoryless(root)) expect(counted(true)).toEqual(expected);
  });
});

test("case can be left out of regard from outside", () => {
  expect(listed(matcher("a[b-c]\xe9", true).exec("AC\xe9"))).toEqual(["AC\xe9"]);
  expect(listed(matcher("\xe9", true).exec("\xc9"))).toBeNull();
  expect(listed(matcher("(?-i)a", true).exec("A"))).toBeNull();
});

test.each<[string, string]>([
  ["\\.(jpg|png)$", "\\.(jpg|png)(?=\\n?$)"],
  ["^/a/(.*)$", "^\\/a\\/([^\\n]*)(?=\\n?$)"],
  ["(?i)ab1", "[Aa][Bb]1"],
  ["[^/]+", "[^\\/]+"],
  ["\\s", "[\\x09-\\x0d ]"],
  ["(?s).", "[^]"],
  ["(?<a>b)", "(b)"],
  ["a++", "(?:(?=(a+))\\1)"],
  ["", "(?:)"],
  ["[^\\x00-\\xff]", "[]"],
])("%p in JavaScript is %p", (pattern, source) => {
  expect(translatePcre(pattern)).toMatchObject({ source, flags: "" });
});

test("groups keep their numbers and names in translation", () => {
  expect(translatePcre("(?>a+)(?<x>b)(?'y'c)")).toEqual({
    source: "(?:(?=(a+))\\1)(b)(c)",
    flags: "",
    groups: 2,
    names: new Map([
      ["x", 1],
      ["y", 2],
    ]),
    groupMap: [0, 2, 3],
  });
  expect(translatePcre("(a*)*")).toEqual({ inexpressible: "repeat of what can be empty" });
});

test.each<[pattern: string, error: string, offset: number]>([
  ["a(b", "missing closing parenthesis", 1],
  ["a)b", "unmatched closing parenthesis", 1],
  ["a(?#b", "missing ) after (?# comment", 1],
  ["[a", "missing terminating ] for character class", 0],
  ["[]", "missing terminating ] for character class", 0],
  ["x[\\Qa]", "missing terminating ] for character class", 1],
  ["[b-a]", "range out of order in character class", 2],
  ["[a-\\d]", "invalid range in character class", 2],
  ["[\\d-z]", "invalid range in character class", 3],
  ["[[:digit:]-z]", "invalid range in character class", 10],
  ["[[:foo:]]", "unknown POSIX class name", 1],
  ["[[:constructor:]]", "unknown POSIX class name", 1],
  ["[[.a.]]", "POSIX collating elements are not supported", 1],
  ["[:alpha:]", "POSIX named classes are supported only within a class", 0],
  ["[\\R]", "escape sequence is invalid in character class", 1],
  ["*a", "quantifier does not follow a repeatable item", 0],
  ["a|+", "quantifier does not follow a repeatable item", 2],
  ["a**", "quantifier does not follow a repeatable item", 2],
  ["a{2}{3}", "quantifier does not follow a repeatable item", 4],
  ["(?i)*", "quantifier does not follow a repeatable item", 4],
  ["{2}", "quantifier does not follow a repeatable item", 0],
  ["a{2,1}", "numbers out of order in {} quantifier", 1],
  ["a{65536}", "number too big in {} quantifier", 1],
  ["a\\", "\\ at end of pattern", 1],
  ["\\i", "unrecognized character follows \\", 0],
  ["\\x{100}", "character code point value in \\x{} or \\o{} is too large", 0],
  ["\\400", "character code point value in \\x{} or \\o{} is too large", 0],
  ["\\x{", "bad \\x{} escape", 0],
  ["\\o9", "bad \\o{} escape", 0],
  ["\\c\n", "\\c must be followed by a printable ASCII character", 0],
  ["(a)\\2", "reference to non-existent subpattern", 3],
  ["\\k<n>", "reference to non-existent subpattern", 0],
  ["\\g{-1}", "reference to non-existent subpattern", 0],
  ["(?<a>x)(?<a>y)", "two named subpatterns have the same name", 7],
  ["(?<1>x)", "subpattern name expected", 3],
  ["(?<a-b>x)", "syntax error in subpattern name", 3],
  ["(?<=a*)b", "lookbehind assertion is not fixed length", 0],
  ["(?y)", "unrecognized character after (? or (?-", 2],
  [`${"(".repeat(251)}${")".repeat(251)}`, "parentheses are too deeply nested", 250],
  // Read differently by versions of PCRE, or not offered
  ["a{,3}", "repeat that some versions of PCRE take for literal text; write {0,n} or \\{", 1],
  ["a{ 1 }", "repeat that some versions of PCRE take for literal text; write {0,n} or \\{", 1],
  ["(*UTF)a", '"(*" verb is not supported', 0],
  ["(?R)", "recursion is not supported", 0],
  ["(a)(?1)", "recursion is not supported", 3],
  ["(?<n>a)(?&n)", "recursion is not supported", 7],
  ["(?<n>a)(?P>n)", "recursion is not supported", 7],
  ["(a)\\g<1>", "subroutine call is not supported", 3],
  ["(a)?(?(1)b|c)", "conditional group is not supported", 4],
  ["(?|(a)|(b))", "group that resets the numbers of its branches is not supported", 0],
  ["(?C1)", "callout is not supported", 0],
  ["(?J)a", "(?J) is not supported", 0],
  ["a\\p", "malformed \\P or \\p sequence", 1],
  ["\\p{", "malformed \\P or \\p sequence", 0],
  ["\\p{Nothing}", "unknown property after \\P or \\p", 0],
  ["\\X", "\\X is not supported", 0],
  ["\\G", "\\G is not supported", 0],
  ["\\N{U+41}", "\\N{name} is not supported", 0],
  ["(?=a\\Kb)", "\\K is not allowed in lookarounds", 0],
  ["(?=a)*", "repeat of what matches no characters is not supported", 0],
  ["a{0}", "repeat of zero times is not supported", 0],
  ["\\R*", "repeat of \\R is not supported", 0],
  ["(?:a{60000}){60000}", "regular expression is too large", 0],
])("refuses %p", (pattern, error, offset) => {
  expect(compilePcre(pattern)).toEqual({ error, offset });
});

test("an error is told in nginx's words", () => {
  expect(describePcreError({ error: "missing closing parenthesis", offset: 1 }, "a(b")).toBe(
    'pcre2_compile() failed: missing closing parenthesis in "a(b" at "(b"',
  );
});

test("a search may start anywhere, and sees what lies before", () => {
  for (const pattern of ["(?<=a)b|^a", "(?:(?<=a)b|^a)(?:(x)|y*)*"]) {
    const found = matcher(pattern);
    expect(found.exec("abab")).toMatchObject({ 0: "a", index: 0 });
    expect(found.exec("abab", 1)).toMatchObject({ 0: "b", index: 1 });
    expect(found.exec("abab", 2)).toMatchObject({ 0: "b", index: 3 });
    expect(found.exec("abab", 4)).toBeUndefined();
  }
});

test.each<[pattern: string, degree: number, factor: number]>([
  ["abc", 1, 1],
  ["^abc", 0, 1],
  ["^a*$", 1, 1],
  ["\\.(jpg|jpeg|png)$", 1, 1],
  ["^/([a-z]+)/([0-9]+)/(.*)$", 1, 1],
  ["(a|ab)(c|bcd)", 1, 2],
  ["^a?a?a", 0, 4],
  ["^a{0,20}a", 0, 21],
  ["[a-z]+$", 2, 1],
  ["^.*foo", 1, 1],
  ["^.*foo.*bar", 2, 1],
  ["^(.*)/(.*)\\.(.*)x$", 3, 1],
  ["^.*+foo.*bar", 2, 1],
  ["^[a-z]*+foo", 1, 1],
  ["^(?:[a-z]+/)*$", 1, 1],
  ["^(?:[a-z]+/)+[a-z]*x$", 3, 1],
  ["(a+)+$", Infinity, Infinity],
  ["(a|aa)+$", Infinity, Infinity],
  ["(a*)*$", Infinity, Infinity],
  ["(?:a|b|ab)*c", Infinity, Infinity],
  ["(\\w+\\s?)*$", Infinity, Infinity],
  ["^(?:.*,){11}P", 11, 1],
  ["(?=a*b)(?:a|b)*", 3, 1],
  ["(.*)\\1x", 3, 1],
])("the effort %p can ask for is bounded", (pattern, degree, factor) => {
  expect(backtracks(parsePattern(pattern, {}).root)).toEqual({ degree, factor });
});

describe("a hostile subject", () => {
  const hostile: [pattern: string, unit: string][] = [
    ["^(a+)+$", "a"],
    ["(a|aa)+$", "a"],
    ["(x+x+)+y", "x"],
    ["^(.*)/(.*)/(.*)\\.php(.*)$", "/"],
    ["(.*)a(.*)b(.*)c(.*)d$", "abc"],
    ["^(([a-z])+.)+[A-Z]([a-z])+$", "a"],
    ["(\\w+\\s?)+$", "a"],
    ["^(?:a?){40}a{40}$", "a"],
    ["\\s+$", " "],
  ];

  test.each(hostile)("%p is told from a match in bounded time", (pattern, unit) => {
    const found = matcher(pattern);
    const started = performance.now();
    for (const count of [30, 1000, 8000]) expect(found.exec(`${unit.repeat(count)}!`)).toBeUndefined();
    // Unbounded, the least of these takes minutes.
    expect(performance.now() - started).toBeLessThan(3000);
  });

  test.each([
    ["^(?:(a*)*)*b$", "a"],
    ["^(?=(a+)+$)a", "a"],
    ["((a+)\\2?)+$", "a"],
  ])("%p is given up at the limit where nothing can be remembered", (pattern, unit) => {
    expect(matcher(pattern).exec(`${unit.repeat(200)}b!`)).toBe("match limit");
    expect(matcher(pattern).exec(`${unit.repeat(5)}b!`)).toBeUndefined();
  });

  test("without a byte that every match has is told from one at once", () => {
    for (const pattern of ["^(?:(a*)*)*b$", "(?:(a*)*)*(?:x(b))+(?:c|d)?"])
      expect(matcher(pattern).exec(`b${"a".repeat(200)}`.slice(1))).toBeUndefined();
    expect(listed(matcher("(?<=b)(?:(a*)*)*c").exec("bac", 1))).toEqual(["ac", ""]);
  });

  test("does not make a match go unnoticed, as in the engine's own hands", () => {
    expect(listed(matcher("^(a+)+c|^a+$").exec("a".repeat(28)))).toEqual(["a".repeat(28), undefined]);
    expect(listed(matcher("^(?:(?=(a|aa))\\1|a|aa)+c|^a+$").exec("a".repeat(32)))).toBe("match limit");
  });

  test("leaves a good pattern to the engine, however long the subject", () => {
    expect(matcher("\\.(jpg|jpeg|png)$").plan.subjectLengthMax).toBeGreaterThan(1_000_000);
    expect(matcher("^/([a-z]+)/([0-9]+)/(.*)$").plan.subjectLengthMax).toBeGreaterThan(1_000_000);
    expect(listed(matcher("(b)$").exec(`${"a".repeat(1_000_000)}b`))).toEqual(["b", "b"]);
  });
});
