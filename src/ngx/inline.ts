// A script in a configuration file becomes a module whose path is the file's with the block's place behind it, and
// whose lines and columns are the file's: so that errors, stack traces and breakpoints name the configuration, and
// relative imports start at its folder.
import { plugin } from "bun";
import type { Place } from "../core/diagnostic.ts";

const mark = /!\d+_\d+\.ts/g;
const sources = new Map<string, string>();

/** `text` with the places of inline modules made those of their configuration files. */
export function originalPlaces(text: string): string {
  return text.replace(mark, "");
}

export function inlinePath({ file, line, column }: Place): string {
  return `${file}!${line}_${column}.ts`;
}

const blank = /(?:\s|\/\/[^\n]*|\/\*[^]*?\*\/)*/y;
const importing = /import\b[^;"'(]*(?:"[^"\n]*"|'[^'\n]*')(?:\s*with\s*\{[^}]*\})?[ \t]*;?/y;

/** Where the imports of a block end: they come first, and cannot stand in a function. */
function importsEnd(source: string): number {
  let end = 0;
  for (let at = 0; ;) {
    blank.lastIndex = at;
    importing.lastIndex = at + blank.exec(source)![0].length;
    if (!importing.test(source)) return end;
    at = end = importing.lastIndex;
  }
}

/**
 * Makes the module of a block.
 * @param source As it stands in the file.
 * @param place Where it starts.
 * @param parameters Of the function it becomes, after `ngx`.
 */
export function inlineModule(source: string, place: Place, name: string, parameters: readonly string[]): string {
  const body = importsEnd(source);
  const head = source.slice(0, body);
  // A block that waits for nothing stays synchronous, and costs no promise.
  const keyword = /\bawait\b/.test(source) ? "async function" : "function";
  // Two braces: a block may declare a `chunk` of its own.
  const opening = `export default ${keyword} ${name}(${["ngx", ...parameters].join(", ")}) {{`;
  // The opening goes into the line before, where there is one: then the columns of the first line are right as well.
  const lead = body > 0 || place.line === 1 ? "\n".repeat(place.line - 1) : "\n".repeat(place.line - 2);
  const pad = " ".repeat(Math.max(0, place.column - 1));
  if (body > 0) return `${lead}${pad}${head}${opening}${source.slice(body)}\n}}`;
  if (place.line === 1) return `${opening}${source}\n}}`;
  return `${lead}${opening}\n${pad}${source}\n}}`;
}

export function addInlineModule(path: string, source: string): void {
  installed ||= install();
  sources.set(path, source);
}

let installed = false;

function install(): true {
  plugin({
    name: "resty scripts in configuration files",
    setup(build) {
      build.onResolve({ filter: /!\d+_\d+\.ts$/ }, ({ path }) => ({ path }));
      build.onLoad({ filter: /!\d+_\d+\.ts$/ }, ({ path }) => {
        const contents = sources.get(path);
        if (contents === undefined) throw new Error(`no script stands at ${originalPlaces(path)}`);
        return { contents, loader: "ts" };
      });
    },
  });
  return true;
}
