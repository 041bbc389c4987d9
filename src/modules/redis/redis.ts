import { Redis, type RedisOptions } from "../../clients/redis.ts";
import type { Arguments } from "../../core/arguments.ts";
import { defineModule, list } from "../../core/module.ts";
import { generationKey } from "../../ngx/generation.ts";
import { checkParameters, readAddresses, readNumber, readPath, readTimeout, readUrl } from "./environment.ts";

const parameters = ["url", "sentinels", "master", "cluster", "timeout", "queue", "tls", "password_file"];

/** `redis main url=redis://127.0.0.1:6379;`: a Redis for scripts, `ngx.redis("main")`. */
export const redis = defineModule({
  name: "redis",
  directives: {
    redis: list<undefined>({
      contexts: ["http"],
      args: [2, 16],
      syntax:
        "name url=URL [sentinels=host:port,… master=name | cluster=on] [timeout=time] [queue=number] " +
        "[tls=on | tls=file] [password_file=file]",
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
  const clusterText = args.named("cluster", 1)?.text ?? "off";
  const clusterAt = args.words.findIndex(({ text }) => text.startsWith("cluster="));
  if (clusterText !== "on" && clusterText !== "off") throw args.invalidParameter(clusterAt, "cluster=on");
  if (clusterText === "on" && sentinels.length > 0)
    throw args.wrong(clusterAt, "a cluster has no sentinels", "either cluster=on or sentinels=");
  const tls = args.named("tls", 1)?.text ?? "off";
  if (url === undefined) return undefined;
  return {
    name: args.text(0),
    url,
    sentinels,
    master: args.named("master", 1)?.text ?? "mymaster",
    cluster: clusterText === "on",
    timeoutMs: readTimeout(args, 1000),
    queueMax: readNumber(args, "queue", 10_000),
    tls: tls === "on" ? true : tls === "off" ? url.startsWith("rediss:") : args.cycle.path(tls),
    passwordFile: readPath(args, "password_file"),
  };
}
