import type { Mysql } from "../clients/mysql.ts";
import type { Redis } from "../clients/redis.ts";
import type { Sqlite } from "../clients/sqlite.ts";

/** What the configuration declared for scripts to use; modules put it here. */
export class Stores {
  readonly redis = new Map<string, Redis>();
  /** A `mysql` takes the place of a `sqlite` of its name, which is what one has without a server. */
  readonly databases = new Map<string, Mysql | Sqlite>();
  /** What directives of an application's own say, by module. */
  readonly settings = new Map<string, object>();
}
