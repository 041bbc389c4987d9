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

/** From the system's random source: a session id is a password. */
export const newId = (): string => Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("hex");

export const nowSeconds = (): number => Math.floor(Date.now() / 1000);

/**
 * The JSON of a session up to the number of `last_accessed`, its last field: what is kept in memory. An answer is this
 * with the number and a brace behind, so that one from memory costs no parsing and no object.
 */
export function headOf({ user_id, user_data, created_at }: Omit<Session, "last_accessed">): string {
  const texts = `"user_id":${JSON.stringify(user_id)},"user_data":${JSON.stringify(user_data)}`;
  return `{${texts},"created_at":${created_at},"last_accessed":`;
}

export const sessionJson = (head: string, lastAccessed: number): string => `${head}${lastAccessed}}`;

/** A session as the next member of the JSON object whose text so far is `before`. */
export const member = (before: string, id: string, head: string, lastAccessed: number): string =>
  `${before === "" ? "" : ","}"${id}":${head}${lastAccessed}}`;

/** Quotes inside of texts have a backslash before them, so that this can be found without parsing. */
export const createdAtOf = (head: string): number => Number(/"created_at":(\d+)/.exec(head)![1]);

/** What `headOf` was given. */
export const fieldsOf = (head: string): Session => JSON.parse(`${head}0}`) as Session;
