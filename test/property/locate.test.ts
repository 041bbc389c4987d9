import { expect, test } from "bun:test";
import type { LocationPlan, LocationTree } from "../../src/core/plan.ts";
import { locate } from "../../src/runtime/locate.ts";
import { Prng } from "../../src/std/prng.ts";

const seed = Number(process.env.SEED ?? Date.now() % 100_000);

const none: LocationTree = { exact: new Map(), prefixes: [], regexes: [] };

function plan(kind: LocationPlan["kind"], name: string): LocationPlan {
  const pattern = { source: name, match: (subject: string) => (subject.includes(name) ? [name] : undefined) };
  return { kind, name, pattern: kind === "regex" ? pattern : undefined, locations: none } as unknown as LocationPlan;
}

/** The search as the documentation tells it, looking at every location in turn. */
function bySentence(all: readonly LocationPlan[], uri: string): LocationPlan | undefined {
  const exact = all.find(({ kind, name }) => kind === "exact" && name === uri);
  if (exact) return exact;
  let longest: LocationPlan | undefined;
  for (const location of all)
    if ((location.kind === "prefix" || location.kind === "no-regex prefix") && uri.startsWith(location.name))
      if (!longest || location.name.length > longest.name.length) longest = location;
  if (longest?.kind === "no-regex prefix") return longest;
  return all.find((location) => location.pattern?.match(uri, undefined)) ?? longest;
}

test(`the location tree finds what a linear search finds, SEED=${seed}`, () => {
  const random = new Prng(seed);
  const pick = <T>(from: readonly T[]): T => from[random.below(from.length)]!;
  const path = () => Array.from({ length: 1 + random.below(4) }, () => `/${pick(["a", "b", "ab", ""])}`).join("");
  for (let round = 0; round < 300; round++) {
    const all: LocationPlan[] = [];
    for (let i = 0; i < 12; i++) {
      const kind = pick(["exact", "prefix", "no-regex prefix", "regex"] as const);
      const name = path();
      if (
        kind === "regex" ||
        !all.some((other) => other.name === name && (other.kind === "exact") === (kind === "exact"))
      )
        all.push(plan(kind, name));
    }
    const tree: LocationTree = {
      exact: new Map(all.filter(({ kind }) => kind === "exact").map((location) => [location.name, location])),
      prefixes: all.filter(({ kind }) => kind.endsWith("prefix")).sort((a, b) => b.name.length - a.name.length),
      regexes: all.filter(({ kind }) => kind === "regex"),
    };
    for (let i = 0; i < 40; i++) {
      const uri = path();
      expect(locate(tree, uri, undefined)).toBe(bySentence(all, uri)!);
    }
  }
});
