import { resolve } from "node:path";
import type { ConfigurationChoice } from "../runtime/load.ts";
import { version } from "../std/version.ts";
import { slashed } from "./configuration.ts";
import { type NginxFlags, parseNginxFlags } from "./nginx_flags.ts";

const shortVersion = `resty version: resty/${version}`;

const usage = `${shortVersion}
Usage: resty [-?hvVtTq] [-s signal] [-p prefix] [-e filename] [-c filename] [-g directives]

Options:
  -?,-h         : this text
  -v            : the version
  -V            : the version and how it was built
  -t            : check the configuration
  -T            : check the configuration and print it
  -q            : say only what is wrong while checking
  -s signal     : stop, quit, reopen or reload
  -p prefix     : where relative paths start (default: the working directory)
  -e filename   : the error log until the configuration names one
  -c filename   : the configuration file (default: conf/nginx.conf)
  -g directives : directives in front of those of the file

"resty help" lists the commands.
`;

/** The command line of nginx's users. @returns the exit code */
export async function runLikeNginx(argv: readonly string[]): Promise<number> {
  let flags: NginxFlags;
  try {
    flags = parseNginxFlags(argv);
  } catch (error) {
    process.stderr.write(`resty: ${(error as Error).message}\n`);
    return 2;
  }
  if (flags.help) process.stderr.write(usage);
  else if (flags.version === "short") process.stderr.write(`${shortVersion}\n`);
  else if (flags.version === "full")
    process.stderr.write(`${shortVersion}\n${(await import("./version.ts")).howBuilt()}`);
  if (flags.help || (flags.version && !flags.test)) return 0;
  const choice = chosen(flags);
  if (flags.test) return (await import("./check.ts")).check(choice, flags);
  if (flags.signal) return (await import("./signal.ts")).sendSignal(choice, flags.signal);
  return (await import("./master.ts")).serve(choice);
}

/** As nginx: the file is relative to the prefix. */
function chosen(flags: NginxFlags): ConfigurationChoice {
  const prefix = slashed(resolve(flags.prefix ?? "."));
  return {
    prefix,
    file: resolve(prefix, flags.file ?? "conf/nginx.conf"),
    directives: flags.directives,
    errorLog: flags.errorLog,
  };
}
