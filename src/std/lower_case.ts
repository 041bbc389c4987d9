/** The names that requests and answers carry are few: the last ones are remembered. */
const known = new Map<string, string>();
const knownMax = 1024;

/** `name` in lower case; for header names, where making the copy anew each time costs more than finding it. */
export function lowerCase(name: string): string {
  let lower = known.get(name);
  if (lower !== undefined) return lower;
  lower = name.toLowerCase();
  if (known.size >= knownMax) known.clear();
  if (name.length <= 64) known.set(name, lower);
  return lower;
}
