import type { Place } from "./diagnostic.ts";

/** One argument of a directive: unescaped and unquoted, with variables still written `$name`. */
export interface Word {
  readonly text: string;
  /** The quote it was written in; nginx treats a quoted word as any other, but messages show it. */
  readonly quote: '"' | "'" | "";
  readonly place: Place;
}

/** One directive of a configuration file. What it means is known only to the module that declares it. */
export interface Directive {
  readonly name: string;
  readonly args: readonly Word[];
  /** Of the name. */
  readonly place: Place;
  /** The directives between its braces; undefined for one that ends in a semicolon. */
  readonly block?: readonly Directive[] | undefined;
  /** The text between the braces of a script block, exactly as written, and where that text starts. */
  readonly script?: { readonly text: string; readonly place: Place } | undefined;
}
