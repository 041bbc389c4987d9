import type { Ngx } from "resty";
import { json, notFound, refuse, storeFailed } from "./_answer.ts";
import { BadRequest, readValues, required } from "./_args.ts";
import { note } from "./_events.ts";
import { fieldsOf, isId, NONE, nowSeconds, sessionJson } from "./_session.ts";
import { store } from "./_store.ts";

/** Gives a session other data. */
async function update(ngx: Ngx): Promise<string | object> {
  try {
    const values = await readValues(ngx);
    const id = required(values, "session_id");
    const userData = required(values, "user_data");
    if (!isId(id)) return notFound(ngx);
    const now = nowSeconds();
    const head = await store.update(id, userData, now);
    if (head === NONE) return notFound(ngx);
    note("update", id, fieldsOf(head).user_id);
    return json(ngx, `{"success":true,"session":${sessionJson(head, now)}}`);
  } catch (error) {
    if (error instanceof BadRequest) return refuse(ngx, error.status, error.message);
    return storeFailed(ngx, error);
  }
}

export { update as GET, update as POST };
