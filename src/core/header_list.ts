/**
 * Header fields in the order, case and number in which they came or will go: `[name, value, name, value, …]`.
 * Bytes are Latin-1 code units. Lookups take the name in lower case.
 */
export class HeaderList {
  constructor(readonly flat: string[] = []) {}

  /** The first value of `name`; repeats are reached by `all`. */
  get(name: string): string | undefined {
    const flat = this.flat;
    for (let i = 0; i < flat.length; i += 2) if (sameName(flat[i]!, name)) return flat[i + 1];
    return undefined;
  }

  all(name: string): string[] {
    const values: string[] = [];
    const flat = this.flat;
    for (let i = 0; i < flat.length; i += 2) if (sameName(flat[i]!, name)) values.push(flat[i + 1]!);
    return values;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  add(name: string, value: string): void {
    this.flat.push(name, value);
  }

  /** Replaces the first field of that name where it stands, drops the others, or appends. */
  set(name: string, value: string): void {
    const lower = name.toLowerCase();
    const flat = this.flat;
    for (let i = 0; i < flat.length; i += 2) {
      if (!sameName(flat[i]!, lower)) continue;
      flat[i] = name;
      flat[i + 1] = value;
      this.#drop(lower, i + 2);
      return;
    }
    flat.push(name, value);
  }

  delete(name: string): void {
    this.#drop(name.toLowerCase(), 0);
  }

  #drop(lower: string, from: number): void {
    const flat = this.flat;
    for (let i = flat.length - 2; i >= from; i -= 2) if (sameName(flat[i]!, lower)) flat.splice(i, 2);
  }
}

/** Compares without making a lower-case copy: most names differ in length or in their first letters. */
export function sameName(name: string, lower: string): boolean {
  if (name.length !== lower.length) return false;
  for (let i = 0; i < lower.length; i++) {
    const code = name.charCodeAt(i);
    const wanted = lower.charCodeAt(i);
    if (code !== wanted && (code | 32) !== wanted) return false;
    // "|" joins letters only: "@" and "`" differ by the same bit and are different names.
    if (code !== wanted && (wanted < 97 || wanted > 122)) return false;
  }
  return true;
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Could the pair split the response or break its framing? The raw adapter writes what it is given. */
export function isSafeField(name: string, value: string): boolean {
  return token.test(name) && fieldValue.test(value);
}
