import { Redis, type RedisOptions } from "../../clients/redis.ts";
import type { Arguments } from "../../core/arguments.ts";
import { defineModule, list } from "../../core/module.ts";
import { generationKey } from "../../ngx/generation.ts";
import { parseTimeMs } from "../../std/units.ts";

/** `redis main url=redis://127.0.0.1:6379;` */
export const redis = defineModule({
  name: "redis",
  directives: {
    redis: list<undefined>({
      contexts: ["http"],
      args: [2, 16],
      syntax:
        "name url=URL [sentinels=host:port,… master=name | cluster=on] [timeout=time] [queue=number] [password_file=file]",
      read(args) {
        const options = readOptions(args);
        if (options.url === "") return undefined;
        const all = args.cycle.get(generationKey).stores.redis;
        if (all.has(options.name)) throw args.wrong(0, `duplicate redis "${options.name}"`);
        const connection = new Redis(options, (level, message) => args.cycle.log(level, message));
        all.set(options.name, connection);
        args.cycle.atStart(() => connection.open());
        args.cycle.atEnd(() => connection.close());
        return undefined;
      },
    }),
  },
});

const parameters = new Set(["url", "sentinels", "master", "cluster", "timeout", "queue", "password_file"]);

function readOptions(args: Arguments): RedisOptions {
  for (let i = 1; i < args.count; i++)
    if (!parameters.has(args.text(i).split("=")[0]!)) throw args.invalidParameter(i, [...parameters].join("=, ") + "=");
  const named = (key: string): string | undefined => args.named(key, 1)?.text;
  return {
    name: args.text(0),
    url: readUrl(args),
    sentinels: (named("sentinels") ?? "")
      .split(",")
      .filter(Boolean)
      .map((text) => {
        const colon = text.lastIndexOf(":");
        return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) || 26_379 };
      }),
    master: named("master") ?? "mymaster",
    cluster: named("cluster") === "on",
    timeoutMs: readTimeout(args),
    queueMax: Number(named("queue") ?? 10_000) || 10_000,
    passwordFile: named("password_file") === undefined ? undefined : args.cycle.path(named("password_file")!),
  };
}

/**
 * `url=` may name a variable of the environment, `$REDIS_URL`, so that one configuration serves many machines; where
 * it is not set the directive declares nothing, and "" is answered.
 */
function readUrl(args: Arguments): string {
  const word = args.named("url", 1);
  if (!word) throw args.wrong(0, 'no "url=" in "redis" directive', "url=redis://HOST:PORT");
  const environment = /^\$(\w+)$/.exec(word.text)?.[1];
  const url = environment === undefined ? word.text : (process.env[environment] ?? "");
  if (url === "" && environment !== undefined) return "";
  if (!/^rediss?:\/\/[^/]+/.test(url))
    throw args.wrong(
      args.words.findIndex(({ text }) => text.startsWith("url=")),
      `invalid redis url "${word.text}"`,
      "redis://HOST:PORT",
    );
  return url;
}

function readTimeout(args: Arguments): number {
  const word = args.named("timeout", 1);
  const value = word ? parseTimeMs(word.text) : 1000;
  if (!value) throw args.wrong(0, `invalid timeout "${word?.text}" in "redis" directive`, "a time such as 500ms");
  return value;
}
