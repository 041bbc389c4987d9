import { Redis, type RedisOptions } from "../../clients/redis.ts";
import type { Arguments } from "../../core/arguments.ts";
import { defineModule, list } from "../../core/module.ts";
import { generationKey } from "../../ngx/generation.ts";
import {
  checkParameters,
  readAddresses,
  readNumber,
  readPath,
  readSwitch,
  readTimeout,
  readUrl,
} from "./environment.ts";
import { readTls, tlsParameters, tlsSyntax } from "./store_tls.ts";

const parameters = [
  ...["url", "sentinels", "master", "sentinel_tls", "sentinel_password_file", "cluster", "timeout", "queue", "pool"],
  ...tlsParameters,
  "password_file",
];

/** `redis main url=redis://127.0.0.1:6379;`: a Redis for scripts, `ngx.redis("main")`. */
export const redis = defineModule({
  name: "redis",
  directives: {
    redis: list<undefined>({
      contexts: ["http"],
      args: [2, 20],
      syntax:
        "name url=URL [sentinels=host:port,… [master=name] [sentinel_tls=on | off] [sentinel_password_file=file] | " +
        `cluster=on] [timeout=time] [queue=number] [pool=number] ${tlsSyntax} [password_file=file]`,
      read(args) {
        const options = readOptions(args);
        if (!options) return undefined;
        const all = args.cycle.get(generationKey).stores.redis;
        if (all.has(options.name)) throw args.wrong(0, `duplicate redis "${options.name}"`, "another name");
        const connection = new Redis(options, (level, message) => args.cycle.log(level, message));
        all.set(options.name, connection);
        args.cycle.atStart(() => connection.open());
        args.cycle.atEnd(() => connection.close());
        return undefined;
      },
    }),
  },
});

function readOptions(args: Arguments): RedisOptions | undefined {
  checkParameters(args, parameters);
  const url = readUrl(args, ["redis:", "rediss:"]);
  const sentinels = readAddresses(args, "sentinels", 26_379);
  const cluster = readSwitch(args, "cluster", false);
  if (cluster && sentinels.length > 0) {
    const at = args.words.findIndex(({ text }) => text.startsWith("cluster="));
    throw args.wrong(at, "a cluster has no sentinels", "either cluster=on or sentinels=");
  }
  const tls = readTls(args, url?.startsWith("rediss:") ?? false);
  const options = {
    name: args.text(0),
    sentinels,
    master: args.named("master", 1)?.text ?? "mymaster",
    sentinelTls: readSwitch(args, "sentinel_tls", true),
    sentinelPasswordFile: readPath(args, "sentinel_password_file"),
    cluster,
    timeoutMs: readTimeout(args, 1000),
    queueMax: readNumber(args, "queue", 10_000),
    pool: readNumber(args, "pool", 1),
    tls,
    passwordFile: readPath(args, "password_file"),
  };
  return url === undefined ? undefined : { ...options, url };
}
