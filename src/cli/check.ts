import { defineCommand } from "citty";
import { dump } from "../config/dump.ts";
import type { ConfigurationChoice } from "../runtime/load.ts";
import { choose } from "./configuration.ts";
import { load } from "./master.ts";
import { confArgument, nginxOptions } from "./options.ts";

export const checkCommand = defineCommand({
  meta: { name: "check", description: "Check configuration, routes and handlers; say everything that is wrong" },
  args: { conf: confArgument, ...nginxOptions },
  run: ({ args }) => check(choose(args.conf, args.directives, args.prefix), {}),
});

/** `resty check`, `-t` and `-T`, in nginx's words. @returns the exit code */
export function check(
  choice: ConfigurationChoice,
  options: { readonly quiet?: boolean; readonly dump?: boolean },
): number {
  const { loaded, settings, text } = load(choice);
  process.stderr.write(text);
  if (!settings) {
    process.stderr.write(`resty: configuration file ${choice.file} test failed\n`);
    return 1;
  }
  if (!options.quiet) {
    process.stderr.write(`resty: the configuration file ${choice.file} syntax is ok\n`);
    process.stderr.write(`resty: configuration file ${choice.file} test is successful\n`);
  }
  if (options.dump) process.stdout.write(dump(loaded.sources));
  return 0;
}
