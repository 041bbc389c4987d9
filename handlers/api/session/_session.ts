/** A session as a store has it. Times are Unix seconds. */
export interface Session {
  readonly user_id: string;
  readonly user_data: string;
  readonly created_at: number;
  readonly last_accessed: number;
}

/** What stands for the head of a session that there is not. */
export const NONE = "";

const idPattern = /^[0-9a-f]{32}$/;

export const isId = (text: string): boolean => text.length === 32 && idPattern.test(text);

const idBytes = 16;
/** Asking the system for a few random bytes costs about what asking for many does. */
const random = Buffer.alloc(idBytes * 256);
let randomLeft = 0;

/** From the system's random source: a session id is a password. */
export function newId(): string {
  if (randomLeft === 0) {
    crypto.getRandomValues(random);
    randomLeft = random.length;
  }
  randomLeft -= idBytes;
  const id = random.toString("hex", randomLeft, randomLeft + idBytes);
  random.fill(0, randomLeft, randomLeft + idBytes); // nobody finds it in memory once more
  return id;
}

export const nowSeconds = (): number => Math.floor(Date.now() / 1000);

/**
 * The JSON of a session up to the number of `last_accessed`, its last field: what is kept in memory. An answer is this
 * with the number and a brace behind, so that one from memory costs no parsing and no object.
 */
export function headOf({ user_id, user_data, created_at }: Omit<Session, "last_accessed">): string {
  const texts = `"user_id":${JSON.stringify(user_id)},"user_data":${JSON.stringify(user_data)}`;
  return `{${texts},"created_at":${created_at},"last_accessed":`;
}

/** Of most answers within a second the same. */
let lastTime = -1;
let lastTail = "";

export function sessionJson(head: string, lastAccessed: number): string {
  if (lastAccessed !== lastTime) {
    lastTime = lastAccessed;
    lastTail = `${lastAccessed}}`;
  }
  return head + lastTail;
}

/** A session as the next member of the JSON object whose text so far is `before`. */
export const member = (before: string, id: string, head: string, lastAccessed: number): string =>
  `${before === "" ? "" : ","}"${id}":${head}${lastAccessed}}`;

/** Quotes inside of texts have a backslash before them, so that this can be found without parsing. */
export const createdAtOf = (head: string): number => Number(/"created_at":(\d+)/.exec(head)![1]);

/** What `headOf` was given. */
export const fieldsOf = (head: string): Session => JSON.parse(`${head}0}`) as Session;
