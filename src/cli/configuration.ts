import { existsSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import type { ConfigurationChoice } from "../runtime/load.ts";

/** A folder or file on the command line that holds no configuration. */
export class NoConfiguration extends Error {}

/**
 * Which configuration `resty serve PATH` means: a folder with `nginx.conf` in it, or the file itself. The prefix is
 * the folder that holds `conf/`, so that `logs/` and `handlers/` stand beside it; for a folder of another name, itself.
 * @throws NoConfiguration
 */
export function choose(path: string, directives = "", prefix?: string, errorLog?: string): ConfigurationChoice {
  const absolute = resolve(path);
  const folder = existsSync(absolute) && statSync(absolute).isDirectory();
  const file = folder ? resolve(absolute, "nginx.conf") : absolute;
  if (!existsSync(file))
    throw new NoConfiguration(
      folder ? `no nginx.conf in ${absolute}; "resty init ${path}" makes one` : `no such file or folder: ${absolute}`,
    );
  const home = dirname(file);
  return {
    prefix: slashed(prefix === undefined ? (basename(home) === "conf" ? dirname(home) : home) : resolve(prefix)),
    file,
    directives,
    errorLog,
  };
}

export function slashed(path: string): string {
  return path.endsWith("/") ? path : `${path}/`;
}
