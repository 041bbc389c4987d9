import base from "./resty.d.ts.txt" with { type: "text" };

/** What of a configuration its scripts can name. */
export interface ConfigurationNames {
  readonly variables: readonly string[];
  /** Shared dictionaries. */
  readonly dicts: readonly string[];
}

const property = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));

/**
 * The declarations of "resty" in one file that needs no other.
 * @param names Completes `ngx.var` and `ngx.shared` with what a configuration has; without it any name will do.
 */
export function declarations(names?: ConfigurationNames): string {
  const text = base as unknown as string;
  if (!names) return text;
  const variables = [...names.variables].sort().map((name) => `        ${property(name)}: string | undefined;\n`);
  const dicts = [...names.dicts].sort().map((name) => `        readonly ${property(name)}: SharedDict;\n`);
  return text
    .replace(/^(\s+export type VarTable = \{\n)/m, (head) => head + variables.join(""))
    .replace(/^\s+readonly \[name: string\]: SharedDict;\n/m, () => dicts.join(""));
}
