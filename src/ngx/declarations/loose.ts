// Stand-ins for types that are not installed: Bun's own, and those of packages inside the executable. What comes from
// them is not checked, and what is made of it is.
import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

const globals = `declare const Bun: any;
declare const Buffer: any;
type Buffer = any;
declare const process: any;
declare const require: any;
declare function setImmediate(callback: (...args: any[]) => void, ...args: any[]): any;
type Timer = any;
interface ImportMeta {
  readonly dir: string;
  readonly dirname: string;
  readonly file: string;
  readonly path: string;
  readonly main: boolean;
  readonly env: any;
}
interface LooseValue {
  <A = any, B = any, C = any, D = any>(...args: any[]): any;
  new <A = any, B = any, C = any, D = any>(...args: any[]): any;
  readonly [name: string]: any;
}
`;

const importing = /\b(?:import|export)\s+(?:type\s+)?([^;"'()]*?)\s*\bfrom\s*["']([^"'\n]+)["']/g;

/**
 * @param files Absolute paths of scripts; what they import by relative paths is looked at too.
 * @param texts Scripts that are in no file.
 * @param isKnown Are there types for this package?
 */
export function looseDeclarations(
  files: readonly string[],
  texts: readonly string[] = [],
  isKnown: (specifier: string) => boolean = () => false,
): string {
  const modules = new Map<string, Set<string>>();
  const visited = new Set<string>();
  const scan = (text: string, folder: string | undefined): void => {
    for (const [, clause, specifier] of text.matchAll(importing)) {
      if (specifier!.startsWith(".") || specifier!.startsWith("/")) {
        if (folder !== undefined) visit(resolve(folder, specifier!));
      } else if (!/^resty(?::|$)/.test(specifier!) && !isKnown(specifier!)) note(modules, specifier!, clause!);
    }
    if (folder !== undefined)
      for (const [, specifier] of text.matchAll(/\bimport\s*\(\s*["'](\.[^"'\n]+)["']/g))
        visit(resolve(folder, specifier!));
  };
  const visit = (path: string): void => {
    const file = [path, `${path}.ts`, `${path}/index.ts`].find((one) => existsSync(one) && /\.[cm]?[jt]sx?$/.test(one));
    if (file === undefined || visited.has(file)) return;
    visited.add(file);
    scan(readFileSync(file, "utf8"), dirname(file));
  };
  for (const file of files) visit(file);
  for (const text of texts) scan(text, undefined);
  return globals + [...modules].map(([specifier, names]) => moduleText(specifier, names)).join("");
}

function note(modules: Map<string, Set<string>>, specifier: string, clause: string): void {
  let names = modules.get(specifier);
  if (!names) modules.set(specifier, (names = new Set()));
  const braces = /\{([^}]*)\}/.exec(clause);
  for (const part of braces?.[1]?.split(",") ?? []) {
    const name = part
      .trim()
      .replace(/^type\s+/, "")
      .split(/\s+as\s+/)[0]!;
    if (/^[A-Za-z_$][\w$]*$/.test(name) && name !== "default") names.add(name);
  }
}

function moduleText(specifier: string, names: ReadonlySet<string>): string {
  const exports = [...names]
    .sort()
    .map(
      (name) =>
        `  export const ${name}: LooseValue;\n  export type ${name}<A = any, B = any, C = any, D = any> = any;\n`,
    );
  const body = `${exports.join("")}  const all: any;\n  export default all;\n`;
  return `declare module ${JSON.stringify(specifier)} {\n${body}}\n`;
}
