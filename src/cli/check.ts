import { defineCommand } from "citty";
import { dump } from "../config/dump.ts";
import { checkHandlers } from "../modules/ts/check.ts";
import type { ConfigurationChoice } from "../runtime/load.ts";
import { choose } from "./configuration.ts";
import { load, render } from "./load.ts";
import { confArgument, nginxOptions } from "./options.ts";

export const checkCommand = defineCommand({
  meta: { name: "check", description: "Check configuration, routes and handlers; say everything that is wrong" },
  args: { conf: confArgument, ...nginxOptions },
  run: ({ args }) => check(choose(args.conf, args.directives, args.prefix), { types: true }),
});

/** `resty check`, `-t` and `-T`, in nginx's words; `types` checks those of handlers too. @returns the exit code */
export async function check(
  choice: ConfigurationChoice,
  options: { readonly quiet?: boolean; readonly dump?: boolean; readonly types?: boolean },
): Promise<number> {
  const { loaded, settings, text } = load(choice);
  process.stderr.write(text);
  const found = settings ? await checkHandlers(loaded.plan, { types: options.types ?? false }) : [];
  process.stderr.write(render(found, loaded));
  if (!settings || found.some(({ severity }) => severity === "emerg")) {
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
