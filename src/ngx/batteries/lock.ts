import type { SharedDict } from "../../shm/dict.ts";
import { Mutex, type MutexOptions } from "../../shm/mutex.ts";

/**
 * Locks by name that all workers share, kept in a dictionary beside its keys. One that its worker took into death is
 * free again. @see lua-resty-lock
 */
export class Lock extends Mutex {
  constructor(dict: SharedDict, options?: MutexOptions) {
    super(dict.zone, options);
  }
}
