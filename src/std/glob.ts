import { readdirSync, lstatSync, statSync } from "node:fs";
import { join, parse, sep } from "node:path";

/** Has `pattern` anything that glob(3) would expand? */
export function isGlob(pattern: string): boolean {
  return /[*?[]/.test(pattern);
}

/**
 * The paths that an absolute `pattern` matches, as glob(3) has it: `*`, `?`, `[a-z]` and `[!a-z]` within one name, and
 * names with a leading dot only where the pattern has that too. Sorted by bytes; empty where nothing matches.
 * @throws the system error of a folder that exists and cannot be read.
 */
export function glob(pattern: string): string[] {
  const { root } = parse(pattern);
  let found = [root];
  const names = pattern
    .slice(root.length)
    .split(sep)
    .filter((name) => name !== "");
  for (const [index, name] of names.entries()) {
    const last = index === names.length - 1;
    const next: string[] = [];
    for (const folder of found) {
      if (!isGlob(name)) {
        const path = join(folder, name.replace(/\\(.)/g, "$1"));
        if (exists(path)) next.push(path);
        continue;
      }
      if (!isFolder(folder)) continue;
      const matcher = nameMatcher(name);
      for (const entry of readdirSync(folder)) if (matcher.test(entry)) next.push(join(folder, entry));
    }
    found = last ? next : next.filter(isFolder);
  }
  return found
    .map((path) => Buffer.from(path))
    .sort(Buffer.compare)
    .map(String);
}

/** Those of `paths` that an absolute `pattern` matches, in their own order. */
export function globAmong(pattern: string, paths: Iterable<string>): string[] {
  const matchers = pattern.split(sep).map(nameMatcher);
  return [...paths].filter((path) => {
    const names = path.split(sep);
    return names.length === matchers.length && names.every((name, index) => matchers[index]!.test(name));
  });
}

/** One name of a glob pattern as a regular expression. */
export function nameMatcher(pattern: string): RegExp {
  const part = /\\(.)|\*|\?|\[([!^]?)(\]?[^\]]*)\]|[^]/gu;
  const source = pattern.replace(part, (text, escaped?: string, negated?: string, set?: string) => {
    if (escaped !== undefined) return RegExp.escape(escaped);
    if (text === "*") return "[^]*";
    if (text === "?") return "[^]";
    if (set !== undefined) return `[${negated ? "^" : ""}${classOf(set)}]`;
    return RegExp.escape(text);
  });
  return new RegExp(`^${pattern.startsWith(".") ? "" : "(?!\\.)"}${source}$`, "u");
}

/** The inside of a bracket expression; ranges that run backwards match nothing, as in glob(3). */
function classOf(set: string): string {
  const part = /\[:(\w+):\]|(\[:?)|\\(.)|([^])-([^])|[^]/gu;
  return set.replace(part, (text, _name, _open, escaped?: string, from?: string, to?: string) => {
    if (from !== undefined && to !== undefined) return from <= to ? `${RegExp.escape(from)}-${RegExp.escape(to)}` : "";
    return RegExp.escape(escaped ?? text);
  });
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
