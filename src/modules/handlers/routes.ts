import { cycleKey } from "../../core/cycle.ts";
import type { Level } from "../../core/level.ts";
import type { Script } from "../../ngx/script.ts";

/** One file route as `resty routes` shows it. */
export interface RouteEntry {
  readonly server: Level;
  readonly path: string;
  readonly file: string;
  readonly script: Script;
  /** `file:line` of the location that it inherits from. */
  readonly inherits: string;
}

/** The file routes of a configuration, in matching order; not those that a location of the same path overrides. */
export const routeEntries = cycleKey<RouteEntry[]>("routes", () => []);
