import { dirname, resolve } from "node:path";
import type { Diagnostic, Diagnostics, Place } from "../core/diagnostic.ts";
import type { Directive } from "../core/directive.ts";
import { decodeUtf8, encodeUtf8 } from "../std/bytestring.ts";
import { describeErrno } from "../std/errno.ts";
import { isGlob } from "../std/glob.ts";
import { parse } from "./parser.ts";
import { readFromDisk, type Reader, type Sources } from "./sources.ts";
import { commandLine, Text } from "./text.ts";

export interface ConfigurationOptions {
  /** The main configuration file; `include` is relative to the folder it is in. */
  readonly file: string;
  /** The folder that a relative `file` is in; the working directory without it. */
  readonly prefix?: string | undefined;
  /** The text of `-g`: directives that stand before the file's own. */
  readonly directives?: string | undefined;
  readonly reader?: Reader | undefined;
}

export interface Configuration {
  readonly directives: readonly Directive[];
  readonly sources: Sources;
}

/**
 * Reads a configuration and all it includes. Never throws for what a file holds or for one that cannot be read: all
 * that is wrong goes to `diagnostics`, and the directives are those that could be read.
 */
export function parseConfiguration(options: ConfigurationOptions, diagnostics: Diagnostics): Configuration {
  const file = resolve(options.prefix ?? ".", options.file);
  const loader = new Loader(dirname(file), options.reader ?? readFromDisk, diagnostics);
  const given = options.directives ? loader.commandLine(options.directives) : [];
  return { directives: [...given, ...loader.load(file, undefined)], sources: loader.sources };
}

class Loader {
  readonly sources: Sources = new Map();
  /** What each file was expanded to: a file that is included in many places is read, and found wrong, once. */
  readonly #loaded = new Map<string, readonly Directive[]>();
  /** The files being expanded, outermost first, each with the place of the `include` that led to it. */
  readonly #chain: { readonly path: string; readonly from: Place | undefined }[] = [];

  constructor(
    private readonly folder: string,
    private readonly reader: Reader,
    private readonly diagnostics: Diagnostics,
  ) {}

  commandLine(directives: string): readonly Directive[] {
    const bytes = encodeUtf8(directives);
    this.sources.set(commandLine, bytes);
    return this.#expand(parse(new Text(commandLine, bytes), this.diagnostics));
  }

  load(path: string, from: Place | undefined): readonly Directive[] {
    const loaded = this.#loaded.get(path);
    if (loaded) return loaded;
    if (this.#chain.some((link) => link.path === path)) {
      this.#reportCycle(path, from);
      return [];
    }
    let bytes: string;
    try {
      bytes = this.reader.read(path);
    } catch (error) {
      this.diagnostics.error(`open() "${path}" failed (${describeErrno(error)})`, from);
      return [];
    }
    this.sources.set(path, bytes);
    this.#chain.push({ path, from });
    const directives = this.#expand(parse(new Text(path, bytes), this.diagnostics));
    this.#chain.pop();
    this.#loaded.set(path, directives);
    return directives;
  }

  /** Puts the directives of included files where the `include` stands. */
  #expand(directives: readonly Directive[]): readonly Directive[] {
    const expanded: Directive[] = [];
    for (const directive of directives) {
      if (directive.name === "include") for (const included of this.#include(directive)) expanded.push(included);
      else if (directive.block) expanded.push({ ...directive, block: this.#expand(directive.block) });
      else expanded.push(directive);
    }
    return expanded;
  }

  #include({ args, block, place }: Directive): readonly Directive[] {
    const [mask] = args;
    if (block) this.diagnostics.error('directive "include" is not terminated by ";"', place);
    else if (!mask || args.length > 1)
      this.diagnostics.error('invalid number of arguments in "include" directive', place, "include FILE | MASK;");
    else {
      const path = resolve(this.folder, decodeUtf8(mask.text));
      return isGlob(mask.text) ? this.#glob(path, mask.place) : this.load(path, mask.place);
    }
    return [];
  }

  #glob(mask: string, place: Place): readonly Directive[] {
    try {
      return this.reader.glob(mask).flatMap((path) => this.load(path, place));
    } catch (error) {
      this.diagnostics.error(`glob() "${mask}" failed (${describeErrno(error)})`, place);
      return [];
    }
  }

  /** nginx includes such a file again and again until it has no descriptors left. */
  #reportCycle(path: string, place: Place | undefined): void {
    const cycle = this.#chain.slice(this.#chain.findIndex((link) => link.path === path));
    const names = [...cycle.map((link) => link.path), path].map((name) => `"${name}"`).join(" includes ");
    const notes = cycle.flatMap((link, index) =>
      index > 0 && link.from ? [{ message: `"${link.path}" is included here`, place: link.from }] : [],
    );
    const diagnostic: Diagnostic = { severity: "emerg", message: `cyclic include: ${names}`, place, notes };
    this.diagnostics.add(diagnostic);
  }
}
