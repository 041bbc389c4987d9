import type { Request } from "../../core/request.ts";
import { core } from "./core.ts";
import type { Types } from "./types.ts";

/** Gives the response the type that `types` has for the URI's extension, else `default_type`. */
export function setContentType(request: Request): void {
  const { response } = request;
  if (response.contentType !== undefined) return;
  const conf = core.of(request);
  response.contentType = typeOf(request.uri, conf.types) || conf.default_type;
}

/** The type for what follows the last dot of the last segment, in whatever case. */
function typeOf(uri: string, types: Types): string | undefined {
  const dot = uri.lastIndexOf(".");
  if (dot < 0 || uri.indexOf("/", dot) >= 0) return undefined;
  const extension = uri.slice(dot + 1);
  // Nearly all are in lower case already: making sure of it costs more than a second look for the others.
  return types.get(extension) ?? types.get(extension.toLowerCase());
}
