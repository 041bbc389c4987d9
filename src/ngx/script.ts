import type { Place } from "../core/diagnostic.ts";
import { fsPath } from "../std/bytestring.ts";
import type { Generation } from "./generation.ts";
import { addInlineModule, inlineModule, inlinePath } from "./inline.ts";
import { isSchema, type StandardSchema } from "./input.ts";
import type { ScriptPhase } from "./phases.ts";
import type { RouteMatch } from "./route.ts";

/** What a script exports: called with `ngx`, and in some phases with more. */
export type Handler = (ngx: never, ...more: never[]) => unknown;

export type Exports = Readonly<Record<string, unknown>>;

const methodNames: ReadonlySet<string> = new Set(
  [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
  ].concat(["UNLOCK", "TRACE", "PURGE", "QUERY", "REPORT"]),
);

/** One script of the configuration: a block, a file, or a file route. */
export class Script {
  exports: Exports | undefined;
  /** The default export, or of a content script that has none, undefined. */
  handler: Handler | undefined;
  /** Exports that are named as a method. */
  methods: ReadonlyMap<string, Handler> | undefined;
  /** What the arguments of a content script have to be: its `input` export. */
  input: StandardSchema | undefined;
  /** What an Allow header says. */
  allow = "";
  readonly route: RouteMatch | undefined;
  /** Of a block: its module. */
  readonly source: string | undefined;
  /** Label and place in one: what a master says of a worker that does not answer. */
  readonly where: string;

  constructor(
    readonly phase: ScriptPhase,
    /** As messages call it: `content_by_ts_block`, or the file. */
    readonly label: string,
    /** Where the configuration names it. */
    readonly place: Place,
    /** What the module is imported by. */
    readonly modulePath: string,
    options: { readonly source?: string; readonly route?: RouteMatch | undefined } = {},
  ) {
    this.route = options.route;
    this.source = options.source;
    this.where = label === modulePath ? label : `${label} in ${fsPath(place.file)}:${place.line}`;
  }

  static inline(
    phase: ScriptPhase,
    name: string,
    text: string,
    place: Place,
    parameters: readonly string[] = [],
  ): Script {
    const path = inlinePath({ ...place, file: fsPath(place.file) });
    return new Script(phase, name, place, path, { source: inlineModule(text, place, name, parameters) });
  }

  async load(generation: Generation): Promise<void> {
    if (this.source !== undefined) addInlineModule(this.modulePath, this.source);
    const exports = await generation.import<Exports>(this.modulePath);
    this.exports = exports;
    if (typeof exports.default === "function") this.handler = exports.default as Handler;
    if (this.phase === "content") {
      this.#takeMethods(exports);
      if (isSchema(exports.input)) this.input = exports.input;
    }
    if (this.handler || this.methods) return;
    const wanted =
      this.phase === "content"
        ? "a default export that is a function, or one named GET, POST, …"
        : "a default export that is a function";
    throw new NothingExported(`${this.label} exports no handler: it needs ${wanted}`);
  }

  #takeMethods(exports: Exports): void {
    const methods = new Map<string, Handler>();
    for (const [name, handler] of Object.entries(exports))
      if (methodNames.has(name) && typeof handler === "function") methods.set(name, handler as Handler);
    if (methods.size === 0) return;
    this.methods = methods;
    const names = [...methods.keys()];
    if (methods.has("GET") && !methods.has("HEAD")) names.push("HEAD");
    this.allow = names.sort().join(", ");
  }

  /** Who answers a method; HEAD is GET without the body. */
  handlerFor(method: string): Handler | undefined {
    const { methods } = this;
    if (!methods) return this.handler;
    return methods.get(method) ?? (method === "HEAD" ? methods.get("GET") : undefined) ?? this.handler;
  }
}

/** A module that has nothing to call. */
export class NothingExported extends Error {
  override readonly name = "NothingExported";
}
