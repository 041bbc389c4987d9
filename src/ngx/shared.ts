import type { SharedDict } from "../shm/dict.ts";

/** `ngx.shared`: the configuration's dictionaries by name. `resty init` writes their names into the declarations. */
export interface SharedZones {
  readonly [name: string]: SharedDict;
}
