import type { Ngx } from "resty";
import { json, notFound, refuse, storeFailed } from "./_answer.ts";
import { BadRequest, readValues, required } from "./_args.ts";
import { isId, NONE, sessionJson } from "./_session.ts";
import { type Known, store } from "./_store.ts";

const onlyArgument = "session_id=";

/** Tells whose session it is, if there is one: what every other service asks first, and so the fastest of all. */
function validate(ngx: Ngx): string | object | Promise<string | object> {
  const { method, queryString } = ngx.req;
  // The usual request says nothing but the id: known ones are answered without a promise, and with few objects.
  if (method === "GET" && queryString.length === onlyArgument.length + 32 && queryString.startsWith(onlyArgument)) {
    const id = queryString.slice(onlyArgument.length);
    if (!isId(id)) return notFound(ngx);
    const nowMs = Date.now();
    const known = store.peek(id, nowMs);
    return known === undefined ? ask(ngx, id) : answer(ngx, id, known, nowMs);
  }
  return read(ngx);
}

async function read(ngx: Ngx): Promise<string | object> {
  try {
    const id = required(await readValues(ngx), "session_id");
    if (!isId(id)) return notFound(ngx);
    const nowMs = Date.now();
    const known = store.peek(id, nowMs);
    return known === undefined ? await ask(ngx, id) : answer(ngx, id, known, nowMs);
  } catch (error) {
    if (error instanceof BadRequest) return refuse(ngx, error.status, error.message);
    throw error;
  }
}

async function ask(ngx: Ngx, id: string): Promise<string | object> {
  try {
    return answer(ngx, id, { value: await store.find(id), flags: 0 }, Date.now());
  } catch (error) {
    return storeFailed(ngx, error);
  }
}

function answer(ngx: Ngx, id: string, { value: head, flags: lastUse }: Known, nowMs: number): string | object {
  if (head === NONE) return notFound(ngx);
  const now = Math.floor(nowMs / 1000);
  if (lastUse < now) store.use(id, now);
  return json(ngx, `{"success":true,"session":${sessionJson(head, now)}}`);
}

export { validate as GET, validate as POST };
