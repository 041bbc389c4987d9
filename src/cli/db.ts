import { defineCommand } from "citty";
import { generationKey } from "../ngx/generation.ts";
import { choose } from "./configuration.ts";
import { load } from "./load.ts";
import { confArgument, nginxOptions } from "./options.ts";
import { UsageError } from "./usage.ts";
import { say } from "./say.ts";

export const dbCommand = defineCommand({
  meta: { name: "db", description: "Bring the databases of a configuration up to date: resty db migrate [conf/]" },
  args: {
    action: { type: "positional", description: "migrate", required: true },
    conf: confArgument,
    ...nginxOptions,
  },
  run({ args }) {
    if (args.action !== "migrate") throw new UsageError(`"db" cannot "${args.action}": it can migrate`);
    return migrate(args.conf, args.directives, args.prefix);
  },
});

/** Applies what is missing to each database that names its migrations. @returns the exit code */
async function migrate(conf: string | undefined, directives: string, prefix?: string): Promise<number> {
  const { loaded, settings, text } = load(choose(conf, directives, prefix));
  if (!settings) {
    process.stderr.write(text);
    return 1;
  }
  const { databases } = loaded.plan.cycle.get(generationKey).stores;
  const withMigrations = [...databases.values()].filter(({ options }) => options.migrations !== undefined);
  if (withMigrations.length === 0) say.info('no "mysql" or "sqlite" of the configuration has migrations=');
  let failed = 0;
  for (const database of withMigrations) {
    const label = `${database.kind} "${database.name}"`;
    try {
      // Opening a file applies them already; what is told of it is what counts.
      const opened = await database.open();
      const { applied, known } = opened ?? (await database.migrate());
      const what = applied.length === 0 ? "nothing to apply" : `applied ${applied.join(", ")}`;
      say.success(`${label}: ${what}; ${known} known`);
    } catch (error) {
      const cause = (error as { cause?: Error }).cause;
      process.stderr.write(`resty: [emerg] ${label}: ${cause?.message || (error as Error).message || String(error)}\n`);
      failed++;
    } finally {
      await database.close();
    }
  }
  return failed === 0 ? 0 : 1;
}
