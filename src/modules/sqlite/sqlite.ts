import { Sqlite } from "../../clients/sqlite.ts";
import { cycleKey } from "../../core/cycle.ts";
import type { Place } from "../../core/diagnostic.ts";
import { defineModule, list } from "../../core/module.ts";
import { generationKey } from "../../ngx/generation.ts";
import { checkParameters, readPath } from "../redis/environment.ts";

const declared = cycleKey<Map<string, { database: Sqlite; place: Place }>>("sqlite", () => new Map());

/** `sqlite main file=data/app.db;`: a database for scripts, `ngx.db("main")`. */
export const sqlite = defineModule({
  name: "sqlite",
  directives: {
    sqlite: list<undefined>({
      contexts: ["http"],
      args: [2, 3],
      syntax: "name file=path [migrations=folder]",
      read(args) {
        checkParameters(args, ["file", "migrations"]);
        const name = args.text(0);
        const word = args.named("file", 1);
        if (!word || word.text === "") throw args.wrong(0, 'no "file=" in "sqlite" directive', "file=PATH");
        const file = word.text === ":memory:" ? word.text : args.cycle.path(word.text);
        const all = args.cycle.get(declared);
        if (all.has(name)) throw args.wrong(0, `duplicate sqlite "${name}"`, "another name");
        all.set(name, {
          database: new Sqlite({ name, file, migrations: readPath(args, "migrations") }),
          place: args.place,
        });
        return undefined;
      },
    }),
  },
  finish(cycle) {
    const { databases } = cycle.get(generationKey).stores;
    for (const [name, { database, place }] of cycle.get(declared)) {
      // A server of the same name has been configured: the file is what one has without it.
      if (databases.has(name)) continue;
      databases.set(name, database);
      cycle.atStart(async () => {
        try {
          const { applied } = await database.open();
          if (applied.length > 0) cycle.log("notice", `sqlite "${name}": applied ${applied.join(", ")}`);
        } catch (error) {
          const { message } = error as Error;
          throw new Error(`sqlite "${name}", ${database.options.file}: ${message} in ${place.file}:${place.line}`);
        }
      });
      cycle.atEnd(() => database.close());
    }
  },
});
