import { decodeUtf8, encodeUtf8 } from "../std/bytestring.ts";
import { routePath, type Segment } from "./pattern.ts";

/** The paths that one file answers. */
export class Route {
  /** `/api/user/[id]`. */
  readonly path: string;
  /** For a route without parameters: the paths it answers, as byte strings. */
  readonly exact: readonly string[] | undefined;
  /** For one with: a regular expression on byte strings, a group for each parameter. */
  readonly pattern: string;
  /** What stands before the first parameter. */
  readonly prefix: string;
  readonly #names: readonly string[];
  readonly #regex: RegExp;

  constructor(
    /** Absolute. */
    readonly file: string,
    readonly segments: readonly Segment[],
    isIndex: boolean,
  ) {
    this.path = routePath(segments);
    const fixed = segments.findIndex(({ kind }) => kind !== "text");
    const texts = (fixed < 0 ? segments : segments.slice(0, fixed)).map((segment) =>
      encodeUtf8((segment as { text: string }).text),
    );
    if (fixed < 0) {
      const path = `/${texts.join("/")}`;
      this.exact = isIndex && path !== "/" ? [path, `${path}/`] : [path];
    }
    this.prefix = texts.length === 0 ? "/" : `/${texts.join("/")}/`;
    this.#names = segments.flatMap((segment) => (segment.kind === "text" ? [] : [segment.name]));
    this.pattern = `^${segments.map(partPattern).join("")}${isIndex && fixed >= 0 ? "/?" : ""}$`;
    this.#regex = new RegExp(this.pattern, "s");
  }

  /** What the parameters stand for in a decoded path. */
  params(uri: string): Readonly<Record<string, string>> {
    const match = this.#names.length === 0 ? null : this.#regex.exec(uri);
    const params: Record<string, string> = {};
    if (match) for (const [i, name] of this.#names.entries()) params[name] = decodeUtf8(match[i + 1] ?? "");
    return params;
  }
}

function partPattern(segment: Segment): string {
  if (segment.kind === "text") return `/${encodeUtf8(segment.text).replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`;
  return segment.kind === "rest" ? "/(.*)" : "/([^/]+)";
}
