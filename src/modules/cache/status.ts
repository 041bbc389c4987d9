/** What `$upstream_cache_status` can read. */
export type CacheStatus = "MISS" | "BYPASS" | "EXPIRED" | "STALE" | "UPDATING" | "REVALIDATED" | "HIT";

/** Did the client get a stored body? A status added above has to be decided here, or this does not compile. */
export const servedStored: Record<CacheStatus, boolean> = {
  MISS: false,
  BYPASS: false,
  EXPIRED: false,
  STALE: true,
  UPDATING: true,
  REVALIDATED: true,
  HIT: true,
};
