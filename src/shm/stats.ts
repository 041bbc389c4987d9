/** What `resty status` shows of a zone. Counts are since the zone was made. */
export interface ZoneStats {
  sizeBytes: number;
  freeBytes: number;
  /** Keys, expired ones that are still there included. */
  entries: number;
  hits: number;
  misses: number;
  /** Values stored, in place or anew. */
  stores: number;
  /** Live entries that were removed to make room. */
  evictions: number;
  /** Expired entries that were removed. */
  expiries: number;
  /** How often somebody found the lock taken. */
  lockWaits: number;
  /** How often the lock was taken from a dead process, and its work taken back. */
  recoveries: number;
  /** Key and value of the largest there ever was. */
  largestEntryBytes: number;
}
