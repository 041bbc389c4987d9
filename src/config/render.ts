import { relative } from "node:path";
import type { Diagnostic, Place } from "../core/diagnostic.ts";
import { decodeUtf8, legible } from "../std/bytestring.ts";
import { commandLine } from "./text.ts";

export interface RenderOptions {
  /** Where the excerpts are taken from; a file that is not in it is shown without one. */
  readonly sources?: ReadonlyMap<string, string> | undefined;
  /** Paths beneath this folder are shown relative to it. */
  readonly base?: string | undefined;
  /** For a terminal: escape sequences that set off what matters. */
  readonly color?: boolean | undefined;
}

/** Longer lines are shown in part. */
const excerptCharactersMax = 100;

/**
 * What a run found, each thing once, ready to be printed; a line feed ends the last line. A notice that many places
 * give is one line: nothing there has to be changed, and it must not hide what has.
 */
export function renderAll(diagnostics: readonly Diagnostic[], options: RenderOptions = {}): string {
  const notices = new Map<string, number>();
  for (const { severity, message } of diagnostics)
    if (severity === "notice") notices.set(message, (notices.get(message) ?? 0) + 1);
  const texts = new Set<string>();
  for (const diagnostic of diagnostics) {
    const { severity, message } = diagnostic;
    if (severity !== "notice") texts.add(render(diagnostic, options));
    else {
      const count = notices.get(message);
      if (count !== undefined) texts.add(render(diagnostic, options, count - 1));
      notices.delete(message);
    }
  }
  return [...texts].join("");
}

/** @param more In how many other places the same is to be said. */
export function render(
  { severity, message, place, expected, notes }: Diagnostic,
  options: RenderOptions = {},
  more = 0,
): string {
  const paint = options.color ? paintForTerminal : paintNothing;
  const said = oneLine(message);
  const where = place ? ` in ${positionOf(place, options)}` : "";
  const elsewhere = more === 0 ? "" : ` and ${more} more ${more === 1 ? "place" : "places"}`;
  let text = `resty: ${paint(severity, `[${severity}]`)} ${paint("bold", said)}${where}${elsewhere}\n`;
  if (place && severity !== "notice") text += excerpt(place, expected, options);
  for (const note of notes ?? [])
    text += `${positionOf(note.place, options)}: ${paint("note", "note:")} ${oneLine(note.message)}\n`;
  return text;
}

function oneLine(text: string): string {
  return legible(text).replaceAll("\n", "\\n");
}

/** As nginx has it, text given by `-g` is one line and needs no number. */
function positionOf({ file, line, column }: Place, { base }: RenderOptions): string {
  if (file === commandLine) return file;
  const fromBase = base === undefined ? ".." : relative(base, file);
  return `${fromBase.startsWith("..") ? file : fromBase}:${line}:${column}`;
}

function excerpt(place: Place, expected: string | undefined, { sources, color }: RenderOptions): string {
  const bytes = sources?.get(place.file);
  if (bytes === undefined) return "";
  const paint = color ? paintForTerminal : paintNothing;
  const line = Array.from(lineOf(bytes, place.line), printable);
  let before = place.column - 1;
  let underlined = place.length;
  let shown = line;
  if (line.length > excerptCharactersMax) {
    const start = Math.max(0, Math.min(before - 30, line.length - excerptCharactersMax));
    shown = line.slice(start, start + excerptCharactersMax);
    before -= start;
    underlined = Math.min(underlined, shown.length - before);
    if (start > 0) shown[0] = "…";
    if (start + excerptCharactersMax < line.length) shown.push("…");
  }
  const number = String(place.line).padStart(5);
  // A tab stays one below another, however wide the terminal shows it.
  const indent = Array.from({ length: before }, (_, index) => (shown[index] === "\t" ? "\t" : " ")).join("");
  const underline = paint("mark", "^".repeat(Math.max(1, underlined)));
  const hint = expected === undefined ? "" : ` expected ${oneLine(expected)}`;
  return `${number} | ${shown.join("")}\n${" ".repeat(number.length)} | ${indent}${underline}${hint}\n`;
}

function lineOf(bytes: string, line: number): string {
  let start = 0;
  for (let count = 1; count < line; count++) {
    const feed = bytes.indexOf("\n", start);
    if (feed < 0) return "";
    start = feed + 1;
  }
  const end = bytes.indexOf("\n", start);
  const text = decodeUtf8(bytes.slice(start, end < 0 ? bytes.length : end)).replace(/\r$/, "");
  return line === 1 ? text.replace(/^\ufeff/, "") : text;
}

/** A control character, which could move the cursor of a terminal or hide a line, is shown as a symbol. */
function printable(character: string): string {
  const code = character.codePointAt(0)!;
  if (code < 0x20 && code !== 9) return String.fromCharCode(0x2400 + code);
  return code === 0x7f || (code >= 0x80 && code < 0xa0) ? "\ufffd" : character;
}

type Style = Diagnostic["severity"] | "bold" | "mark" | "note";

const sequences: Record<Style, string> = {
  emerg: "1;31",
  warn: "1;33",
  notice: "1;36",
  bold: "1",
  mark: "32",
  note: "36",
};

const paintForTerminal = (style: Style, text: string) => `\x1b[${sequences[style]}m${text}\x1b[0m`;
const paintNothing = (_style: Style, text: string) => text;
