import { defineModule } from "../../core/module.ts";
import { SharedDict } from "../../shm/dict.ts";
import { zoneOf } from "../../shm/zones.ts";
import { CacheManager } from "./manager.ts";
import { checkZones, storages } from "./settings.ts";
import { cacheUse } from "./use.ts";

/** The cache that proxy and fastcgi share; its directives are theirs, by their names. */
export const cache = defineModule({
  name: "cache",
  variables: {
    upstream_cache_status: (request) => request.get(cacheUse)?.status,
    upstream_cache_key: (request) => request.get(cacheUse)?.key,
  },
  finish(cycle) {
    checkZones(cycle);
    for (const storage of cycle.get(storages).values()) {
      const manager = new CacheManager(storage);
      cycle.atStart(() => {
        storage.prepare();
        storage.dict = new SharedDict(zoneOf(cycle, storage.options.name));
        manager.start();
      });
      cycle.atEnd(() => manager.stop());
    }
  },
});
