import type { Request } from "../../core/request.ts";
import { core } from "./core.ts";

/** Gives the response the type that `types` has for the URI's extension, else `default_type`. */
export function setContentType(request: Request): void {
  const { response } = request;
  if (response.contentType !== undefined) return;
  const conf = core.of(request);
  const extension = extensionOf(request.uri);
  response.contentType = (extension && conf.types.get(extension)) || conf.default_type;
}

/** What follows the last dot of the last segment, in lower case; "" without one. */
export function extensionOf(uri: string): string {
  const dot = uri.lastIndexOf(".");
  return dot <= uri.lastIndexOf("/") ? "" : uri.slice(dot + 1).toLowerCase();
}
