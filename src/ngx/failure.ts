import type { Place } from "../core/diagnostic.ts";
import { originalPlaces } from "./inline.ts";
import type { Script } from "./script.ts";

/** A script that cannot be loaded. */
export interface LoadFailure {
  readonly message: string;
  readonly place: Place;
}

/** What `error` says for itself; anything may have been thrown. */
export function describeFailure(error: unknown): string {
  if (error instanceof Error) return error.message === "" ? error.name : `${error.name}: ${error.message}`;
  return `thrown: ${Bun.inspect(error)}`;
}

/** The calls that led to an error, a line each, as far as they are the script's: resty's own are left out. */
export function stackOf(error: unknown): string {
  if (!(error instanceof Error) || !error.stack) return "";
  const lines = error.stack.split("\n").filter((line) => /^\s+at /.test(line) && !isOwnFrame(line));
  let text = lines.length === 0 ? "" : `\n${lines.map((line) => `    ${line.trim()}`).join("\n")}`;
  if (error.cause !== undefined) text += `\ncaused by ${describeFailure(error.cause)}${stackOf(error.cause)}`;
  return originalPlaces(text);
}

const sourceRoot = new URL("..", import.meta.url).pathname;
/** Inside the executable, whose source map names our files from the repository's root; scripts have whole paths. */
const mappedSource = /[( ](?:\.\.?\/)*(?:src|node_modules)\/[^()]+:\d+:\d+\)?$/;

/** Frames of resty's own and of the runtime, which tell the author of a script nothing. */
function isOwnFrame(line: string): boolean {
  if (/\((?:node|bun|native):|\(native|\(unknown\)|at unknown|at <parse>|\(:0\)|\/\$bunfs\/root\/[^/:]*:\d/.test(line))
    return true;
  if (mappedSource.test(line)) return true;
  return line.includes(sourceRoot) && !line.includes("/handlers/");
}

interface Position {
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  readonly length?: number;
}

/** The errors of a module that did not load, with their places. */
export function failuresOf(error: unknown, script: Script): LoadFailure[] {
  if (error instanceof AggregateError) return error.errors.flatMap((one: unknown) => failuresOf(one, script));
  const message = error instanceof Error || isMessage(error) ? (error as Error).message : describeFailure(error);
  const position = isMessage(error) ? error.position : undefined;
  if (position?.line) {
    const file = originalPlaces(position.file || script.modulePath);
    return [
      { message, place: { file, line: position.line, column: position.column ?? 1, length: position.length || 1 } },
    ];
  }
  return [{ message: describeFailure(error), place: placeInStack(error) ?? script.place }];
}

function isMessage(error: unknown): error is { position: Position | null; message: string } {
  return typeof error === "object" && error !== null && "position" in error;
}

/** Where a module threw while it was loaded. */
function placeInStack(error: unknown): Place | undefined {
  const frame = /\(?((?:\/|[A-Z]:)[^():]+):(\d+):(\d+)\)?/.exec(stackOf(error));
  return frame ? { file: frame[1]!, line: Number(frame[2]), column: Number(frame[3]), length: 1 } : undefined;
}
