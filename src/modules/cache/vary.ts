import { nodeCrypto } from "../../std/builtins.ts";
import type { Request } from "../../core/request.ts";

/** The names that the answer says it depends on, in lower case, sorted; "" for none. */
export function varyOf(headers: readonly string[], ignored: ReadonlySet<string>): string {
  if (ignored.has("vary")) return "";
  const names = new Set<string>();
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]!.toLowerCase() !== "vary") continue;
    for (const name of headers[i + 1]!.split(",")) if (name.trim() !== "") names.add(name.trim().toLowerCase());
  }
  return [...names].sort().join(",");
}

/** Tells apart the variants of one key: the hash of the key and of what the request says under the names of `vary`. */
export function variantOf(request: Request, keyHash: string, vary: string): string {
  const hash = nodeCrypto().createHash("md5").update(keyHash);
  for (const name of vary.split(",")) {
    // Blanks and the way values are spread over lines mean nothing: "a, b" is "a" and "b".
    const value = request.headers.all(name).join(",").split(",");
    hash.update(`\0${name}:${value.map((part) => part.trim().replace(/\s+/g, " ")).join(",")}`, "latin1");
  }
  return hash.digest("hex");
}
