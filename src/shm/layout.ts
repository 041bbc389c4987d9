/**
 * Where everything stands in a zone's file. All positions are in 32-bit words from its start; a block of the heap is a
 * whole number of granules, so a position fits in 30 bits up to the 4 GiB that the runtime maps at once.
 *
 *   header · free lists · undo journal · image · touched bytes · buckets · heap of blocks · end mark
 */

/** Changes whenever anything below does: a file of another version is replaced. */
export const LAYOUT_VERSION = 2;
export const MAGIC = 0x59545352;

/** A block's unit: one cache line, and enough for any header, so that every free block can serve any request. */
export const GRANULE_BYTES = 64;
export const GRANULE_WORDS = 16;

/** Written once, when the file is made. */
export const H_MAGIC = 0;
export const H_VERSION = 1;
export const H_GRANULES = 2;
export const H_SEED = 3;
export const H_BUCKETS = 4;
export const H_TOUCHED_AT = 5;
export const H_BUCKETS_AT = 6;
export const H_HEAP_AT = 7;
export const H_HEAP_END = 8;
export const H_IMAGE_AT = 9;
export const H_IMAGE_GRANULES = 10;
/** CRC-32 of the words above. */
export const H_CHECK = 11;

/** The lock has a cache line to itself: those who spin on it do not slow its owner's writes down. */
export const H_LOCK = 16;

/** Number of the running transaction; the journal's records of another number are void. */
export const H_TX = 32;
/** The bucket whose sequence is odd while it is changed. */
export const H_OPEN_BUCKET = 33;
/** Entries of an older generation are expired: raising it flushes all at once. */
export const H_GENERATION = 34;
/** Stamps every stored value, for compare-and-set and for texts that were read before: 64 bits, so never the same. */
export const H_STAMP = 35;
export const H_STAMP_HIGH = 46;
export const H_LRU_HEAD = 36;
export const H_LRU_TAIL = 37;
export const H_ENTRIES = 38;
export const H_FREE_GRANULES = 39;
/** A block that is allocated and not yet reachable, negative when it is scattered; freed when its maker dies. */
export const H_BUILD = 40;
/** Blocks that are no longer reachable and not yet free, linked by `B_LINK`. */
export const H_GARBAGE = 41;
/** Gives hashes their identity; two words used as one 53-bit number. */
export const H_NEXT_ID = 42;
/** The block that is being overwritten in place, whose old content is in the image; 0 for none. */
export const H_IMAGED = 44;
/** A list or hash that has just been made and has nothing in it yet: nobody may find it so. */
export const H_EMPTY = 45;

/** Statistics, as 64-bit floats: position of the first, halved. */
export const F_STATS = 24;
export const STATS = [
  "hits",
  "misses",
  "stores",
  "evictions",
  "expiries",
  "lockWaits",
  "recoveries",
  "largestEntryBytes",
] as const;
export const S_HITS = 0;
export const S_MISSES = 1;
export const S_STORES = 2;
export const S_EVICTIONS = 3;
export const S_EXPIRIES = 4;
export const S_LOCK_WAITS = 5;
export const S_RECOVERIES = 6;
export const S_LARGEST = 7;

/** Free lists: sizes 1 to 31 granules have a list each, then eight lists to every power of two. */
export const FREE_CLASSES = 208;
export const FREE_BITMAP_AT = 64;
export const FREE_BITMAP_WORDS = 7;
export const FREE_HEADS_AT = 72;

/** The undo journal: records of [address, old word, transaction]. */
export const JOURNAL_AT = FREE_HEADS_AT + FREE_CLASSES;
export const JOURNAL_RECORDS = 64;
export const FIXED_WORDS = JOURNAL_AT + JOURNAL_RECORDS * 3;

/** A bucket: a sequence that is odd while its chain changes, then the chain's first entry. */
export const BUCKET_WORDS = 2;

/** Every block: size in granules shifted by two, and two bits. A free block repeats its size in its last word. */
export const B_TAG = 0;
export const TAG_FREE = 1;
export const TAG_PREVIOUS_FREE = 2;
/** A free block's neighbours in its list. */
export const B_FREE_NEXT = 1;
export const B_FREE_PREVIOUS = 2;
/** Next in the list of garbage. For an entry this is also its chain. */
export const B_LINK = 2;

/** An entry: the hash of its key, its chain, and its neighbours in LRU order (of a hash's field: its siblings). */
export const E_HASH = 1;
export const E_CHAIN = 2;
export const E_NEWER = 3;
export const E_OLDER = 4;
/** Key length, type, the bits below, generation. */
export const E_META = 5;
/** Milliseconds since 1970 as a float, 0 for never. */
export const E_EXPIRES = 6;
export const E_FLAGS = 8;
export const E_STAMP = 9;
/** A float for numbers and booleans; else the value's length in bytes, or the count of a list or hash. */
export const E_NUMBER = 10;
export const E_LENGTH = 10;
/** Only of what is no number, list or hash. */
export const E_STAMP_HIGH = 11;
export const E_HEADER_WORDS = 12;

/** A list or hash: its first element, the last (of a list), and how many. */
export const C_FIRST = 8;
export const C_LAST = 9;
export const C_COUNT = 10;
/** What its fields know a hash by, low and high: never used again, so fields of a deleted hash cannot be found. */
export const C_IDENTITY_LOW = 9;
export const C_IDENTITY_HIGH = 11;

/** A list's element: neighbours, meta, number or length; then its bytes. */
export const L_PREVIOUS = 1;
export const L_NEXT = 2;
export const L_META = 5;
export const L_NUMBER = 6;
export const L_LENGTH = 6;
export const L_HEADER_WORDS = 8;

/** Meta of entries and elements. */
export const META_KEY_LENGTH = 0xffff;
export const META_TYPE_SHIFT = 16;
export const META_TYPE = 0xf << META_TYPE_SHIFT;
/** The payload goes on in other blocks: the last word of each names the next. */
export const META_SCATTERED = 1 << 20;
/** A field of a hash: its key is the hash's identity and the field's name. */
export const META_FIELD = 1 << 21;
/** What has to agree before keys are compared. */
export const META_KEY = META_KEY_LENGTH | META_FIELD;
export const META_GENERATION_SHIFT = 22;
export const GENERATIONS = 1024;

export const T_ASCII = 1;
export const T_LATIN1 = 2;
export const T_UTF16 = 3;
export const T_NUMBER = 4;
export const T_BOOLEAN = 5;
export const T_BYTES = 6;
/** Anything else that can be cloned, as the runtime serialises it. */
export const T_STRUCTURED = 7;
export const T_LIST = 8;
export const T_HASH = 9;

export const KEY_BYTES_MAX = 65_535;

export interface Geometry {
  readonly granules: number;
  readonly imageAt: number;
  readonly imageGranules: number;
  readonly buckets: number;
  readonly touchedAt: number;
  readonly bucketsAt: number;
  readonly heapAt: number;
  readonly heapEnd: number;
}

/** What a zone must at least have, for a heap of a few kilobytes. */
export const ZONE_BYTES_MIN = 8192;
/** The runtime maps at most 4 GiB at once. */
export const ZONE_BYTES_MAX = 2 ** 32;

/** One bucket for every 128 to 256 bytes: entries of 64 bytes still find chains of four at the most, on average. */
export function geometryOf(sizeBytes: number): Geometry {
  const granules = Math.floor(sizeBytes / GRANULE_BYTES);
  const buckets = 2 ** Math.floor(Math.log2(sizeBytes / 128));
  const imageAt = upToGranule(FIXED_WORDS);
  const imageGranules = sizeBytes < 2 ** 17 ? 8 : sizeBytes < 2 ** 24 ? 64 : 256;
  const touchedAt = imageAt + imageGranules * GRANULE_WORDS;
  const bucketsAt = upToGranule(touchedAt + Math.ceil(granules / 4));
  const heapAt = upToGranule(bucketsAt + buckets * BUCKET_WORDS);
  const heapEnd = (granules - 1) * GRANULE_WORDS;
  return { granules, imageAt, imageGranules, buckets, touchedAt, bucketsAt, heapAt, heapEnd };
}

function upToGranule(word: number): number {
  return Math.ceil(word / GRANULE_WORDS) * GRANULE_WORDS;
}
