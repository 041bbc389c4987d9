import { ConfigError } from "../../core/arguments.ts";
import type { Place } from "../../core/diagnostic.ts";
import { type Context, defineModule, value } from "../../core/module.ts";
import { generationKey } from "../../ngx/generation.ts";
import type { SessionSettings } from "./settings.ts";

const contexts: readonly Context[] = ["http"];

/** The settings of the session service; what it does is in handlers/api/session/. */
export const session = defineModule({
  name: "session",
  directives: {
    session_lifetime: value({
      contexts,
      args: [1, 2],
      syntax: "time [sliding]",
      default: { seconds: 86_400, sliding: false },
      read(args) {
        const seconds = args.timeSeconds(0);
        if (seconds < 1) throw args.wrong(0, '"session_lifetime" directive invalid value', "at least 1s");
        if (args.has(1) && args.text(1) !== "sliding") throw args.invalidParameter(1, "sliding");
        return { seconds, sliding: args.has(1) };
      },
    }),
    session_cache: value({
      contexts,
      args: [1, 2],
      syntax: "time [stale=time] | off",
      default: { seconds: 300, staleMs: 5000 },
      read(args) {
        if (args.text(0) === "off") return { seconds: 0, staleMs: 0 };
        const stale = args.named("stale", 1);
        if (args.has(1) && !stale) throw args.invalidParameter(1, "stale=time");
        return { seconds: args.timeSeconds(0), staleMs: stale ? args.timeMsOf(1, stale.text) : 5000 };
      },
    }),
    session_events: value({
      contexts,
      syntax: "time | off",
      default: 90 * 86_400,
      read(args) {
        if (args.text(0) === "off") return 0;
        const seconds = args.timeSeconds(0);
        if (seconds < 1) throw args.wrong(0, '"session_events" directive invalid value', "at least 1s, or off");
        return seconds;
      },
    }),
    session_users: value<{ readonly strict: boolean; readonly place: Place | undefined }>({
      contexts,
      syntax: "any | strict",
      default: { strict: false, place: undefined },
      read: (args) => ({ strict: args.choice(0, ["any", "strict"]) === "strict", place: args.place }),
    }),
  },
  finish(cycle, main) {
    const http = main.children.find(({ context }) => context === "http");
    if (!http) return;
    const { session_lifetime, session_cache, session_events, session_users } = session.at(http);
    const settings: SessionSettings = {
      lifetimeSeconds: session_lifetime.seconds,
      sliding: session_lifetime.sliding,
      cacheSeconds: session_cache.seconds,
      staleMs: session_cache.staleMs,
      eventsSeconds: session_events,
      strictUsers: session_users.strict,
    };
    const { stores } = cycle.get(generationKey);
    stores.settings.set("session", settings);
    if (session_users.strict && !stores.databases.has("main"))
      throw new ConfigError(
        'no users to be strict about: "session_users strict" needs a database',
        session_users.place,
        '"sqlite main file=PATH;" or "mysql main url=URL;" beside it',
      );
  },
});
