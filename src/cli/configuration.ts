import { existsSync, mkdirSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import type { ConfigurationChoice } from "../runtime/load.ts";
import { unpackForServing } from "./embedded.ts";

/** A folder or file on the command line that holds no configuration. */
export class NoConfiguration extends Error {}

/**
 * Which configuration `resty serve PATH` means: a folder with `nginx.conf` in it, or the file itself; without a path
 * `conf/`, and where there is none, the one that the executable carries. The prefix is the folder that holds `conf/`,
 * so that `logs/` and `handlers/` stand beside it; for a folder of another name, itself.
 * @throws NoConfiguration
 */
export function choose(
  path: string | undefined,
  directives = "",
  prefix?: string,
  errorLog?: string,
): ConfigurationChoice {
  const absolute = path === undefined ? defaultFolder() : resolve(path);
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

function defaultFolder(): string {
  return existsSync("conf") ? resolve("conf") : resolve(unpackForServing(), "conf");
}

/**
 * Makes the folder that logs go to unless the configuration says otherwise; that it cannot be made, opening them
 * says.
 */
export function makeLogFolder({ prefix }: ConfigurationChoice): void {
  try {
    mkdirSync(`${prefix}logs`);
  } catch {
    return;
  }
}

export function slashed(path: string): string {
  return path.endsWith("/") ? path : `${path}/`;
}
