import { nodeCrypto } from "../../std/builtins.ts";
import { closeSync } from "node:fs";
import type { Body } from "../../core/body.ts";
import { ClientGone } from "../../core/exchange.ts";
import type { Request } from "../../core/request.ts";
import { requestSlot } from "../../core/slot.ts";
import { describeErrno } from "../../std/errno.ts";
import { DiskFile } from "../open_file_cache/disk_file.ts";
import type { CacheRules, StaleReason } from "./directives.ts";
import {
  type CacheFile,
  CacheWriter,
  openCacheFile,
  renewCacheFile,
  type StoredHead,
  touch,
  type Validity,
} from "./file.ts";
import { freshness } from "./freshness.ts";
import { storages } from "./settings.ts";
import type { CacheStatus } from "./status.ts";
import type { Storage } from "./storage.ts";
import { variantOf, varyOf } from "./vary.ts";

/** What the cache had to do with a request, for its variables. */
export const cacheUse = requestSlot<CacheUse>();

/** How often a request that waits for another worker's answer looks for it. */
const lookAgainMs = 50;

/** An answer of the cache, to be sent: the body's file is its taker's to release. */
export interface StoredBody {
  readonly head: StoredHead;
  readonly bodyBytes: number;
  readonly body: Body;
}

/** A stored answer while a request may still need it. */
class Stored {
  #taken = false;

  constructor(readonly file: CacheFile) {}

  take(): StoredBody {
    const { file } = this;
    const { head, bodyBytes, bodyStart } = file;
    if (file.body) return { head, bodyBytes, body: file.body };
    this.#taken = true;
    const open = new DiskFile(file.fd, file.path, bodyStart + bodyBytes, Math.floor(file.mtimeSeconds));
    return { head, bodyBytes, body: { file: open, start: bodyStart, end: bodyStart + bodyBytes } };
  }

  close(): void {
    if (!this.#taken) closeSync(this.file.fd);
    this.#taken = true;
  }
}

/**
 * Begins a request's dealings with the cache.
 * @param ownKey the key where no `…_cache_key` makes one
 * @returns undefined when the cache has no part in this request; a status when it has to end with that
 */
export function openCache(request: Request, rules: CacheRules, ownKey: () => string): CacheUse | 500 | undefined {
  if (!rules.methods.has(request.method)) return undefined;
  const { name, cycle } = rules.zone;
  const zone = name.constant ?? name.evaluate(request);
  if (zone === "" || zone === "off") return undefined;
  const storage = cycle.get(storages).get(zone);
  if (!storage) {
    request.log("error", `cache "${zone}" not found`);
    return 500;
  }
  if (isRangeTooFar(request, rules)) return undefined;
  const use = new CacheUse(request, rules, storage, rules.key ? rules.key.evaluate(request) : ownKey());
  request.set(cacheUse, use);
  return use;
}

/** `…_cache_max_range_offset`: such a range is the upstream's to answer, without fetching what lies before it. */
function isRangeTooFar(request: Request, { maxRangeOffset }: CacheRules): boolean {
  if (maxRangeOffset === undefined) return false;
  const range = request.header("range");
  if (range === undefined || !/^bytes=/i.test(range)) return false;
  if (maxRangeOffset === 0) return true;
  const match = /^bytes=\s*(\d+)/i.exec(range);
  return !match || Number(match[1]) > maxRangeOffset;
}

/** A value that is neither empty nor "0". */
function holds(request: Request, conditions: readonly { evaluate(request: Request): string }[]): boolean {
  for (const condition of conditions) {
    const text = condition.evaluate(request);
    if (text !== "" && text !== "0") return true;
  }
  return false;
}

/** One request's dealings with the cache. */
export class CacheUse {
  status: CacheStatus = "MISS";
  stored: Stored | undefined;
  /** May what the upstream answers be stored? */
  #mayStore = true;
  #hash: string;
  #path: string;
  #locked = false;
  #writer: CacheWriter | undefined;
  #updates = false;

  constructor(
    private readonly request: Request,
    private readonly rules: CacheRules,
    private readonly storage: Storage,
    readonly key: string,
  ) {
    this.#hash = nodeCrypto().createHash("md5").update(key, "latin1").digest("hex");
    this.#path = storage.pathOf(this.#hash);
  }

  /** Looks for a stored answer; a promise while another request is about to bring it. */
  lookup(): Promise<void> | undefined {
    const { request, rules } = this;
    if (holds(request, rules.bypass)) {
      this.status = "BYPASS";
      return undefined;
    }
    this.#find();
    this.#judge();
    // The answer to a HEAD has no body, and must not be taken for the answer to a GET.
    if (request.method === "HEAD" && !rules.convertHead && !rules.key?.source.includes("$request_method"))
      this.#mayStore = false;
    if (this.stored || !this.#mayStore || !rules.lock) return undefined;
    if (this.#lock(rules.lockAgeMs)) return undefined;
    return this.#waitForOther();
  }

  #find(): void {
    this.#open(this.#path);
    const head = this.stored?.file.head;
    if (!head || head.vary === "") return;
    const variant = variantOf(this.request, this.#hash, head.vary);
    if (variant === head.variant) return;
    // The first variant of a key stands under the key's own hash, the others under theirs.
    this.#forget();
    this.#hash = variant;
    this.#path = this.storage.pathOf(variant);
    this.#open(this.#path);
    if (this.stored && this.stored.file.head.variant !== variant) this.#forget();
  }

  #open(path: string): void {
    const file = openCacheFile(path);
    if (!file) return;
    if (file === "torn") {
      this.request.log("crit", `cache file "${path}" is damaged`);
      return;
    }
    this.stored = new Stored(file);
    if (file.head.key !== this.key) {
      this.request.log("crit", `cache file "${path}" has md5 collision`);
      this.#forget();
      this.#mayStore = false;
    }
  }

  #forget(): void {
    this.stored?.close();
    this.stored = undefined;
  }

  /** What the stored answer, if there is one, is good for. */
  #judge(): void {
    const { rules, storage, stored } = this;
    if (!stored) {
      this.status = "MISS";
      if (rules.minUses > 1 && storage.used(this.#hash) < rules.minUses) this.#mayStore = false;
      return;
    }
    const { file } = stored;
    const nowMs = Date.now();
    if (nowMs - file.accessedMs > Math.min(storage.options.inactiveMs / 4, 60_000)) touch(file);
    const now = Math.floor(nowMs / 1000);
    if (file.validity.validUntil >= now) {
      this.status = "HIT";
      return;
    }
    this.status = "EXPIRED";
    const mayWait = rules.useStale.has("updating") || file.validity.updatingUntil >= now;
    if (storage.isLocked(this.#hash) ? mayWait : mayWait && rules.backgroundUpdate) {
      this.#updates = this.#lock();
      this.status = this.#updates ? "STALE" : "UPDATING";
    } else if (mayWait) this.#lock();
  }

  #lock(ageMs?: number): boolean {
    if (this.#locked) return true;
    this.#locked = this.storage.lock(this.#hash, ageMs === undefined ? undefined : ageMs / 1000);
    return this.#locked;
  }

  async #waitForOther(): Promise<void> {
    const { rules, request, storage } = this;
    const untilMs = Date.now() + rules.lockTimeoutMs;
    for (let leftMs = rules.lockTimeoutMs; leftMs > 0; leftMs = untilMs - Date.now()) {
      await storage.unlocked(this.#hash, Math.min(lookAgainMs, leftMs));
      if (request.exchange.aborted) throw new ClientGone();
      this.#find();
      this.#judge();
      if (this.stored || this.#lock(rules.lockAgeMs)) return;
    }
    this.#mayStore = false; // waited long enough: fetches for itself
  }

  /** Is the client answered with what is stored, at once? */
  get servesStored(): boolean {
    return this.status === "HIT" || this.status === "STALE" || this.status === "UPDATING";
  }

  /** And is a new answer fetched meanwhile? */
  get updatesBehind(): boolean {
    return this.#updates;
  }

  /** How the upstream is asked. */
  get variation() {
    const { request, rules } = this;
    const head = rules.revalidate ? this.stored?.file.head : undefined;
    return {
      method: request.method === "HEAD" && rules.convertHead && this.#mayStore ? "GET" : request.method,
      unconditional: this.#mayStore,
      ifModifiedSince: head && valueOf(head.headers, "last-modified"),
      ifNoneMatch: head && valueOf(head.headers, "etag"),
    };
  }

  /** Says 304 that the stored answer still holds? */
  revalidates(status: number): boolean {
    return status === 304 && this.rules.revalidate && this.stored !== undefined;
  }

  renew(headers: readonly string[]): void {
    const { file } = this.stored!;
    // Where 304 says nothing of it, what the stored answer said holds again from now on.
    const validity = this.#told(headers) ?? this.#validity(file.head.status, file.head.headers);
    if (validity) {
      try {
        renewCacheFile(file, validity);
      } catch (error) {
        this.request.log("crit", `cache file "${file.path}" cannot be renewed (${describeErrno(error)})`);
      }
    }
    this.status = "REVALIDATED";
  }

  /** Does a stored answer, however old, serve better than one of this status? */
  prefersStale(status: number): boolean {
    if (!this.stored || this.status !== "EXPIRED" || !this.rules.useStale.has(`http_${status}` as StaleReason))
      return false;
    this.status = "STALE";
    return true;
  }

  /** As `prefersStale`, when there is no answer at all. */
  mayServeStale(reason: string): boolean {
    if (!this.stored || this.status !== "EXPIRED") return false;
    const mayAnyway = this.stored.file.validity.errorUntil >= Date.now() / 1000;
    if (!mayAnyway && !this.rules.useStale.has(reason as StaleReason)) return false;
    this.status = "STALE";
    return true;
  }

  /** For how long an answer holds, by its header or else by `…_cache_valid`; undefined where it may not be stored. */
  #validity(status: number, headers: readonly string[]): Validity | undefined {
    return this.#told(headers, this.rules.validSeconds(status));
  }

  #told(headers: readonly string[], defaultSeconds = 0): Validity | undefined {
    const now = Math.floor(Date.now() / 1000);
    const { validUntil: told, staleWhileRevalidate, staleIfError } = freshness(headers, this.rules.ignored, now);
    const validUntil = told ?? (defaultSeconds === 0 ? "no" : now + defaultSeconds);
    if (validUntil === "no") return undefined;
    return { validUntil, updatingUntil: validUntil + staleWhileRevalidate, errorUntil: validUntil + staleIfError };
  }

  /**
   * The upstream's head has come: begins to store the answer, if it may be. @param intercepted its body is not wanted
   */
  record(status: number, reason: string, headers: readonly string[], intercepted: boolean): void {
    const { request, rules, storage } = this;
    if (!this.#mayStore || holds(request, rules.noCache)) return;
    const validity = this.#validity(status, headers);
    if (!validity) return;
    const vary = varyOf(headers, rules.ignored);
    const variant = vary === "" ? "" : this.#placeVariant(vary);
    const head: StoredHead = { key: this.key, status, reason, headers, vary, variant, intercepted };
    this.#writer = new CacheWriter(this.#path, storage.temporaryFor(this.#path, rules.tempFolder), head, validity);
    if (intercepted) this.finish();
  }

  /** Where another variant of the key is stored already, this one goes beside it. */
  #placeVariant(vary: string): string {
    const main = nodeCrypto().createHash("md5").update(this.key, "latin1").digest("hex");
    const variant = variantOf(this.request, main, vary);
    const first = openCacheFile(this.storage.pathOf(main));
    const isOther =
      first !== undefined && first !== "torn" && first.head.vary === vary && first.head.variant !== variant;
    if (first && first !== "torn") closeSync(first.fd);
    this.#path = this.storage.pathOf(isOther ? variant : main);
    return variant;
  }

  get records(): boolean {
    return this.#writer !== undefined;
  }

  append(chunk: Uint8Array): void {
    if (!this.#writer) return;
    try {
      this.#writer.append(chunk);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** The answer is complete. */
  finish(): void {
    const writer = this.#writer;
    if (!writer) return;
    try {
      this.storage.added(writer.commit());
      this.#writer = undefined;
    } catch (error) {
      this.#failed(error);
    }
  }

  /** It is not, and will not be. */
  discard(): void {
    this.#writer?.discard();
    this.#writer = undefined;
  }

  /** A full disk is no reason not to answer. */
  #failed(error: unknown): void {
    this.request.log("crit", `cache file for "${this.#path}" cannot be written (${describeErrno(error)})`);
    this.discard();
  }

  /** The request needs the cache no more. */
  close(): void {
    this.discard();
    this.#forget();
    if (this.#locked) this.storage.unlock(this.#hash);
    this.#locked = false;
  }
}

function valueOf(flat: readonly string[], name: string): string | undefined {
  for (let i = 0; i < flat.length; i += 2) if (flat[i]!.toLowerCase() === name) return flat[i + 1];
  return undefined;
}
