import type { Redis } from "../clients/redis.ts";

/** What the configuration declared for scripts to use; modules put it here. */
export class Stores {
  readonly redis = new Map<string, Redis>();
  /** What directives of an application's own say, by module. */
  readonly settings = new Map<string, object>();
}
