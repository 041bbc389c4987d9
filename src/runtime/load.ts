import { dirname, resolve } from "node:path";
import { compile, type Compiled, type CompileOptions } from "../compile/compile.ts";
import { parseConfiguration } from "../config/include.ts";
import { type Reader, readFromDisk, type Sources } from "../config/sources.ts";
import { Diagnostics } from "../core/diagnostic.ts";
import { modules } from "../modules/index.ts";

/** What names a configuration: the habits of nginx's `-p`, `-c`, `-g` and `-e`. */
export interface ConfigurationChoice {
  /** Absolute, ends in "/". */
  readonly prefix: string;
  /** Absolute path of the main file. */
  readonly file: string;
  /** `-g`: directives before those of the file. */
  readonly directives: string;
  /** `-e`: where errors go until the configuration says so. */
  readonly errorLog: string | undefined;
}

export interface Loaded extends Compiled {
  readonly diagnostics: Diagnostics;
  readonly sources: Sources;
}

export interface LoadOptions extends Pick<CompileOptions, "files" | "onRead"> {
  /** Where the text comes from, if not from disk. */
  readonly reader?: Reader;
}

/** Reads and compiles a configuration. Never throws for what is in the files: all that is wrong is in `diagnostics`. */
export function loadConfiguration(
  choice: ConfigurationChoice,
  { reader = readFromDisk, files, onRead }: LoadOptions = {},
): Loaded {
  const diagnostics = new Diagnostics();
  const { directives, sources } = parseConfiguration(
    { file: choice.file, prefix: choice.prefix, directives: choice.directives, reader },
    diagnostics,
  );
  const confPrefix = `${dirname(resolve(choice.prefix, choice.file))}/`;
  return {
    ...compile(directives, {
      modules,
      prefix: choice.prefix,
      confPrefix,
      diagnostics,
      validating: reader === readFromDisk,
      files,
      onRead,
    }),
    diagnostics,
    sources,
  };
}
