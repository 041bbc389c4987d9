import { Mysql } from "../../clients/mysql.ts";
import { defineModule, list } from "../../core/module.ts";
import { generationKey } from "../../ngx/generation.ts";
import { checkParameters, readAddresses, readNumber, readPath, readTimeout, readUrl } from "../redis/environment.ts";
import { readTls, tlsParameters, tlsSyntax } from "../redis/store_tls.ts";

const parameters = ["url", "replicas", "pool", "timeout", ...tlsParameters, "password_file", "migrations"];

/** `mysql main url=mysql://user:password@127.0.0.1/app;`: a database for scripts, `ngx.db("main")`. */
export const mysql = defineModule({
  name: "mysql",
  directives: {
    mysql: list<undefined>({
      contexts: ["http"],
      args: [2, 16],
      syntax:
        `name url=URL [replicas=host:port,…] [pool=number] [timeout=time] ${tlsSyntax} ` +
        "[password_file=file] [migrations=folder]",
      read(args) {
        checkParameters(args, parameters);
        const url = readUrl(args, ["mysql:", "mariadb:"]);
        const options = {
          name: args.text(0),
          replicas: readAddresses(args, "replicas", 3306),
          pool: readNumber(args, "pool", 10),
          timeoutMs: readTimeout(args, 2000),
          tls: readTls(args, false),
          passwordFile: readPath(args, "password_file"),
          migrations: readPath(args, "migrations"),
        };
        if (url === undefined) return undefined;
        const all = args.cycle.get(generationKey).stores.databases;
        if (all.get(options.name)?.kind === "mysql")
          throw args.wrong(0, `duplicate mysql "${options.name}"`, "another name");
        const database = new Mysql({ ...options, url }, (level, message) => args.cycle.log(level, message));
        all.set(options.name, database);
        args.cycle.atStart(() => database.open());
        args.cycle.atEnd(() => database.close());
        return undefined;
      },
    }),
  },
});
