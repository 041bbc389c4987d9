import {
  type Context,
  type DirectiveSpec,
  type Field,
  field,
  flag,
  list,
  number,
  time,
  value,
} from "../../core/module.ts";
import type { Arguments } from "../../core/arguments.ts";
import type { ComplexValue } from "../../core/complex.ts";
import { fsPath } from "../../std/bytestring.ts";
import { readPath, readValid, readZone, type Valid, type ZoneChoice } from "./settings.ts";

const contexts: readonly Context[] = ["http", "server", "location"];

/** What a stored answer may stand in for though it is too old. */
const staleReasons = [
  "error",
  "timeout",
  "invalid_header",
  "updating",
  "http_500",
  "http_502",
  "http_503",
  "http_504",
  "http_403",
  "http_404",
  "http_429",
  "off",
] as const;
export type StaleReason = (typeof staleReasons)[number];

/** What the directives of a protocol write. */
export interface CacheFields {
  cacheZone: ZoneChoice | undefined;
  cacheKey: ComplexValue | undefined;
  cacheValid: readonly Valid[];
  cacheBypass: readonly (readonly ComplexValue[])[];
  noCache: readonly (readonly ComplexValue[])[];
  cacheMethods: readonly string[];
  cacheMinUses: number;
  cacheUseStale: readonly StaleReason[];
  cacheBackgroundUpdate: boolean;
  cacheRevalidate: boolean;
  cacheLock: boolean;
  cacheLockAgeMs: number;
  cacheLockTimeoutMs: number;
  cacheConvertHead: boolean;
  cacheMaxRangeOffset: number | undefined;
  tempFolder: string | undefined;
}

/** The settled rules of a location that caches. */
export interface CacheRules {
  readonly zone: ZoneChoice;
  readonly key: ComplexValue | undefined;
  /** How long answers of a status hold that say nothing themselves; 0: not at all. */
  readonly validSeconds: (status: number) => number;
  readonly bypass: readonly ComplexValue[];
  readonly noCache: readonly ComplexValue[];
  readonly methods: ReadonlySet<string>;
  readonly minUses: number;
  readonly useStale: ReadonlySet<StaleReason>;
  readonly backgroundUpdate: boolean;
  readonly revalidate: boolean;
  readonly lock: boolean;
  readonly lockAgeMs: number;
  readonly lockTimeoutMs: number;
  readonly convertHead: boolean;
  readonly maxRangeOffset: number | undefined;
  /** Header fields, in lower case, that have no say. */
  readonly ignored: ReadonlySet<string>;
  /** Where answers wait until they are complete. */
  readonly tempFolder: string;
}

type Names =
  | "cache_path"
  | "cache"
  | "cache_key"
  | "cache_valid"
  | "cache_bypass"
  | "no_cache"
  | "cache_methods"
  | "cache_min_uses"
  | "cache_use_stale"
  | "cache_background_update"
  | "cache_revalidate"
  | "cache_lock"
  | "cache_lock_age"
  | "cache_lock_timeout"
  | "cache_convert_head"
  | "cache_max_range_offset"
  | "temp_path";

const into = <T>(name: keyof CacheFields, spec: DirectiveSpec<T>): DirectiveSpec<unknown> => ({ ...spec, field: name });

/** The cache's directives for one protocol. */
export function cacheDirectives<const P extends string>(prefix: P) {
  const conditions = (): DirectiveSpec<readonly (readonly ComplexValue[])[]> =>
    list({
      contexts,
      args: [1, 32],
      syntax: "string ...",
      read: (args: Arguments) => args.words.map((_, i) => args.complex(i)),
    });
  const all: Record<Names, DirectiveSpec<unknown>> = {
    cache_path: list<undefined>({
      contexts: ["http"],
      args: [2, 20],
      syntax:
        "path [levels=levels] keys_zone=name:size [inactive=time] [max_size=size] [min_free=size] [use_temp_path=on|off]",
      read: (args) => readPath(args, `${prefix}_cache`),
    }),
    cache: into(
      "cacheZone",
      value<ZoneChoice | undefined>({ contexts, default: undefined, syntax: "zone | off", read: readZone }),
    ),
    cache_key: into(
      "cacheKey",
      value<ComplexValue | undefined>({ contexts, default: undefined, read: (args) => args.complex(0) }),
    ),
    cache_valid: into(
      "cacheValid",
      list<Valid>({ contexts, args: [1, 16], syntax: "[code ...] time", read: readValid }),
    ),
    cache_bypass: into("cacheBypass", conditions()),
    no_cache: into("noCache", conditions()),
    cache_methods: into(
      "cacheMethods",
      value<readonly string[]>({
        contexts,
        default: [],
        args: [1, 3],
        syntax: "GET | HEAD | POST ...",
        read: (args) => args.words.map((_, i) => args.choice(i, ["GET", "HEAD", "POST"])),
      }),
    ),
    cache_min_uses: into("cacheMinUses", number({ contexts, default: 1 })),
    cache_use_stale: into(
      "cacheUseStale",
      value<readonly StaleReason[]>({
        contexts,
        default: [],
        args: [1, staleReasons.length],
        syntax: staleReasons.join(" | "),
        read: (args) => args.words.map((_, i) => args.choice(i, staleReasons)),
      }),
    ),
    cache_background_update: into("cacheBackgroundUpdate", flag({ contexts, default: false })),
    cache_revalidate: into("cacheRevalidate", flag({ contexts, default: false })),
    cache_lock: into("cacheLock", flag({ contexts, default: false })),
    cache_lock_age: into("cacheLockAgeMs", time({ contexts, default: 5000 })),
    cache_lock_timeout: into("cacheLockTimeoutMs", time({ contexts, default: 5000 })),
    cache_convert_head: into("cacheConvertHead", flag({ contexts, default: true })),
    cache_max_range_offset: into(
      "cacheMaxRangeOffset",
      value<number | undefined>({ contexts, default: undefined, syntax: "number", read: (args) => args.offset(0) }),
    ),
    temp_path: into(
      "tempFolder",
      value<string | undefined>({
        contexts,
        default: undefined,
        args: [1, 4],
        syntax: "path [level1 [level2 [level3]]]",
        read: (args) => fsPath(args.cycle.path(args.text(0))).replace(/\/+$/, ""),
      }),
    ),
  };
  const prefixed = Object.fromEntries(Object.entries(all).map(([name, spec]) => [`${prefix}_${name}`, spec]));
  return prefixed as { readonly [N in Names as `${P}_${N}`]: DirectiveSpec<unknown> };
}

export function cacheFields(): { [K in keyof CacheFields]: Field<CacheFields[K]> } {
  return {
    cacheZone: field<CacheFields["cacheZone"]>(undefined),
    cacheKey: field<ComplexValue | undefined>(undefined),
    cacheValid: field<readonly Valid[]>([]),
    cacheBypass: field<CacheFields["cacheBypass"]>([]),
    noCache: field<CacheFields["noCache"]>([]),
    cacheMethods: field<readonly string[]>([]),
    cacheMinUses: field(1),
    cacheUseStale: field<readonly StaleReason[]>([]),
    cacheBackgroundUpdate: field(false),
    cacheRevalidate: field(false),
    cacheLock: field(false),
    cacheLockAgeMs: field(5000),
    cacheLockTimeoutMs: field(5000),
    cacheConvertHead: field(true),
    cacheMaxRangeOffset: field<number | undefined>(undefined),
    tempFolder: field<string | undefined>(undefined),
  };
}

/** What the merged fields come to; undefined where nothing is cached. */
export function prepareCache(conf: CacheFields, ignored: ReadonlySet<string>, prefix: string): CacheRules | undefined {
  const zone = conf.cacheZone;
  if (!zone || zone.name.constant === "off") return undefined;
  const { cacheValid } = conf;
  return {
    zone,
    key: conf.cacheKey,
    validSeconds: (status) =>
      cacheValid.find(({ statuses }) => statuses === "any" || statuses.includes(status))?.seconds ?? 0,
    bypass: conf.cacheBypass.flat(),
    noCache: conf.noCache.flat(),
    methods: new Set(["GET", "HEAD", ...conf.cacheMethods]),
    minUses: conf.cacheMinUses,
    useStale: new Set(conf.cacheUseStale.includes("off") ? [] : conf.cacheUseStale),
    backgroundUpdate: conf.cacheBackgroundUpdate,
    revalidate: conf.cacheRevalidate,
    lock: conf.cacheLock,
    lockAgeMs: conf.cacheLockAgeMs,
    lockTimeoutMs: conf.cacheLockTimeoutMs,
    convertHead: conf.cacheConvertHead,
    maxRangeOffset: conf.cacheMaxRangeOffset,
    ignored,
    tempFolder: conf.tempFolder ?? fsPath(zone.cycle.path(`${prefix}_temp`)),
  };
}
