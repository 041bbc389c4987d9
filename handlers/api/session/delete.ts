import type { Ngx } from "resty";
import { json, notFound, refuse, storeFailed } from "./_answer.ts";
import { BadRequest, readValues, required } from "./_args.ts";
import { note } from "./_events.ts";
import { isId } from "./_session.ts";
import { store } from "./_store.ts";

/** Ends a session: from the answer on, nobody is told of it any more. */
async function remove(ngx: Ngx): Promise<string | object> {
  try {
    const id = required(await readValues(ngx), "session_id");
    if (!isId(id)) return notFound(ngx);
    const user = await store.delete(id);
    if (user === undefined) return notFound(ngx);
    note("delete", id, user);
    return json(ngx, `{"success":true,"session_id":"${id}"}`);
  } catch (error) {
    if (error instanceof BadRequest) return refuse(ngx, error.status, error.message);
    return storeFailed(ngx, error);
  }
}

export { remove as GET, remove as POST };
