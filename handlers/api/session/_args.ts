import type { Ngx } from "resty";

/** Names and values of a request, decoded; an array for one that came more than once. */
export type Values = Map<string, string | string[]>;

/** A request that cannot be understood: 400, or 415 for a body of another type. */
export class BadRequest extends Error {
  constructor(
    message: string,
    readonly status = 400,
  ) {
    super(message);
  }
}

/**
 * Arguments of the query string, and of a JSON or form body behind them: what stands in the query string wins.
 * @throws BadRequest
 */
export function readValues(ngx: Ngx): Values | Promise<Values> {
  const values: Values = new Map();
  readPairs(ngx.req.queryString, values);
  return ngx.req.method === "POST" ? readBody(ngx, values) : values;
}

/** @returns One value, undefined for none or an empty one. @throws BadRequest when it came more than once */
export function one(values: Values, name: string): string | undefined {
  const value = values.get(name);
  if (Array.isArray(value)) throw new BadRequest(`${name} is given more than once`);
  return value === "" ? undefined : value;
}

/** @throws BadRequest with "<name> is required" */
export function required(values: Values, name: string): string {
  const value = one(values, name);
  if (value === undefined) throw new BadRequest(`${name} is required`);
  return value;
}

async function readBody(ngx: Ngx, values: Values): Promise<Values> {
  const bytes = await ngx.req.bytes();
  if (bytes.length === 0) return values;
  const type = (ngx.req.header("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
  const body: Values = new Map();
  if (type === "application/json" || type.endsWith("+json")) readJson(utf8(bytes), body);
  else if (type === "application/x-www-form-urlencoded") readPairs(utf8(bytes), body);
  else if (type === "multipart/form-data") await readForm(ngx, body);
  else if (type === "" && bytes[0] === 0x7b) readJson(utf8(bytes), body);
  else if (type === "") readPairs(utf8(bytes), body);
  else throw new BadRequest("The request body must be JSON or a form", 415);
  for (const [name, value] of body) if (!values.has(name)) values.set(name, value);
  return values;
}

function add(values: Values, name: string, value: string): void {
  const before = values.get(name);
  if (before === undefined) values.set(name, value);
  else if (Array.isArray(before)) before.push(value);
  else values.set(name, [before, value]);
}

/** Takes `a=1&b=2` apart. What is no UTF-8 is refused, so that nobody's data is changed without a word. */
function readPairs(text: string, values: Values): void {
  for (let start = 0; start < text.length;) {
    let end = text.indexOf("&", start);
    if (end < 0) end = text.length;
    const equals = text.indexOf("=", start);
    const nameEnd = equals >= 0 && equals < end ? equals : end;
    const name = unescape(text.slice(start, nameEnd), "an argument's name");
    if (name !== "") add(values, name, unescape(text.slice(nameEnd + 1, end), name));
    start = end + 1;
  }
}

function unescape(text: string, name: string): string {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  // Bytes that are not UTF-8 arrive as U+FFFD; decodeURIComponent refuses those that are escaped.
  if (spaced.includes("\ufffd")) throw new BadRequest(`${name} is not valid UTF-8`);
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced.replace(/%(?![0-9A-Fa-f]{2})/g, "%25"));
  } catch {
    throw new BadRequest(`${name} is not valid UTF-8`);
  }
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new BadRequest("The request body is not valid UTF-8");
  }
}

function readJson(text: string, values: Values): void {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new BadRequest("The request body is not valid JSON");
  }
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw new BadRequest("The request body must be a JSON object");
  for (const [name, value] of Object.entries(body)) {
    const written = textOf(name, value);
    if (written !== undefined) values.set(name, written);
  }
}

/** Text as it is, numbers as they are written, lists and objects as JSON. */
function textOf(name: string, value: unknown): string | undefined {
  if (value === null) return undefined;
  if (typeof value === "string") {
    if (!value.isWellFormed()) throw new BadRequest(`${name} is not valid Unicode`);
    return value;
  }
  if (typeof value === "number") {
    if (!isExact(value)) throw new BadRequest(`${name} is too large for a number: send it as text`);
    return String(value);
  }
  if (Array.isArray(value) && name === "session_ids") return value.join(",");
  if (typeof value === "object" && (name === "user_id" || name === "session_id"))
    throw new BadRequest(`${name} must be text`);
  try {
    return JSON.stringify(value, (_, inner: unknown) => {
      if (typeof inner === "number" && !isExact(inner))
        throw new BadRequest(`${name} has a number that is too large: send it as text`);
      return inner;
    });
  } catch (error) {
    if (error instanceof BadRequest) throw error;
    throw new BadRequest(`${name} is nested too deeply`); // so deep that the stack has no room for it
  }
}

/** Whether reading it as a number has kept what was sent; digits behind the point do not count. */
const isExact = (value: number): boolean =>
  Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));

async function readForm(ngx: Ngx, values: Values): Promise<void> {
  for (const [name, value] of (await ngx.req.form()).entries()) {
    if (typeof value !== "string") throw new BadRequest(`${name} is a file`);
    if (value.includes("\ufffd")) throw new BadRequest(`${name} is not valid UTF-8`);
    add(values, name, value);
  }
}
