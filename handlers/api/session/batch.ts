import { type Ngx, StoreRefused, StoreUnavailable } from "resty";
import { json, logFailure, refuse } from "./_answer.ts";
import { BadRequest, readValues, required } from "./_args.ts";
import { isId } from "./_session.ts";
import { store } from "./_store.ts";

const idsMax = 100;

/** Tells of many sessions at once; those that there are not are left out. */
async function batch(ngx: Ngx): Promise<string | object> {
  try {
    const ids = readIds(required(await readValues(ngx), "session_ids"));
    return json(ngx, `{"success":true,"sessions":{${await store.findMany(ids)}}}`);
  } catch (error) {
    if (error instanceof BadRequest) return refuse(ngx, error.status, error.message);
    if (!(error instanceof StoreUnavailable || error instanceof StoreRefused)) throw error;
    logFailure(ngx, error);
    return refuse(ngx, 500, "Redis connection failed");
  }
}

/** Different ids, of those that can be one. @throws BadRequest for none, or more words than a batch may have */
function readIds(list: string): string[] {
  const words = list
    .split(",")
    .map((word) => word.trim())
    .filter(Boolean);
  if (words.length === 0) throw new BadRequest("No valid session IDs provided");
  if (words.length > idsMax) throw new BadRequest(`Too many session IDs (max ${idsMax})`);
  return [...new Set(words)].filter(isId);
}

export { batch as GET, batch as POST };
