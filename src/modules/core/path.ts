import type { Request } from "../../core/request.ts";
import { requestSlot } from "../../core/slot.ts";
import { core } from "./core.ts";

const uriAppended = requestSlot<boolean>({ perUri: true });

/** `$document_root`: the `root` or `alias` in force, absolute. */
export function documentRoot(request: Request): string {
  return core.of(request).root.path.evaluate(request);
}

/**
 * The file that `uri` stands for here, whether or not it exists; `$request_filename`.
 * @throws Error when an alias stands for something that the URI does not begin with: the request ends with 500.
 */
export function filePath(request: Request, uri: string = request.uri): string {
  const { root } = core.of(request);
  const base = root.path.evaluate(request);
  if (!root.alias) return base + uri;
  if (root.prefix === undefined) return request.get(uriAppended) ? base + uri : base;
  if (!uri.startsWith(root.prefix))
    throw new Error(`"alias" cannot be used in location "${root.prefix}" where URI was rewritten`);
  return base + uri.slice(root.prefix.length);
}

/**
 * After this an `alias` in a regex location has the URI behind it: what `try_files` found there is not the alias
 * itself.
 */
export function appendUriToAlias(request: Request): void {
  request.set(uriAppended, true);
}
