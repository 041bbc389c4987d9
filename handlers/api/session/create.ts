import { type Ngx, ngx as worker, type SessionSettings, StoreRefused, StoreUnavailable } from "resty";
import { json, logFailure, refuse, storeFailed } from "./_answer.ts";
import { BadRequest, one, readValues, required, type Values } from "./_args.ts";
import { database } from "./_database.ts";
import { note } from "./_events.ts";
import { headOf, newId, nowSeconds, type Session, sessionJson } from "./_session.ts";
import { store } from "./_store.ts";
import "./_upkeep.ts";

const userIdCharactersMax = 255;
const { strictUsers } = worker.settings("session") as SessionSettings;

/** Makes a session: `user_id`, and `user_data` if one likes. */
async function create(ngx: Ngx): Promise<string | object> {
  try {
    const { user_id, user_data } = readArguments(await readValues(ngx));
    if (database || strictUsers) {
      const refusal = await refusalOf(ngx, user_id);
      if (refusal) return refusal;
    }
    const now = nowSeconds();
    const session: Session = { user_id, user_data, created_at: now, last_accessed: now };
    const id = newId();
    await store.create(id, session);
    note("create", id, user_id);
    return json(ngx, `{"success":true,"session_id":"${id}","session_data":${sessionJson(headOf(session), now)}}`);
  } catch (error) {
    if (error instanceof BadRequest) return refuse(ngx, error.status, error.message);
    if (!(error instanceof StoreUnavailable || error instanceof StoreRefused)) throw error;
    logFailure(ngx, error);
    return refuse(ngx, 500, error instanceof StoreUnavailable ? "Redis connection failed" : "Failed to store session");
  }
}

function readArguments(values: Values): { user_id: string; user_data: string } {
  const user_id = required(values, "user_id");
  if (user_id.length > userIdCharactersMax) throw new BadRequest(`user_id is too long (max ${userIdCharactersMax})`);
  return { user_id, user_data: one(values, "user_data") ?? "" };
}

/** Whom the users table does not let in. One who cannot be looked up is not let in either, and may try again. */
async function refusalOf(ngx: Ngx, userId: string): Promise<object | undefined> {
  try {
    const status = database ? await database.statusOf(userId) : "unknown";
    if (status === "blocked") return refuse(ngx, 403, "User is blocked");
    return strictUsers && status === "unknown" ? refuse(ngx, 403, "User is unknown") : undefined;
  } catch (error) {
    return storeFailed(ngx, error, "User directory unavailable");
  }
}

export { create as GET, create as POST };
