import type { LocationPlan, LocationTree } from "../core/plan.ts";
import type { Request } from "../core/request.ts";

/**
 * The location for `uri` among `tree`, by nginx's rules: an exact one; else the longest prefix, unless a regular
 * expression matches and the prefix is not marked "^~"; inside the one found, the same again for what is nested.
 * @param request Gets the captures of a regular expression that matched; none are noted without it.
 * @see ngx_http_core_module, location
 */
export function locate(tree: LocationTree, uri: string, request: Request | undefined): LocationPlan | undefined {
  const exact = tree.exact.get(uri);
  if (exact) return exact;
  const prefix = longestPrefix(tree.prefixes, uri);
  if (prefix) {
    const nested = locate(prefix.locations, uri, request);
    if (nested) return nested;
    if (prefix.kind === "no-regex prefix") return prefix;
  }
  for (const location of tree.regexes) {
    const captures = location.pattern!.match(uri, request);
    if (!captures) continue;
    if (request) request.captures = captures;
    return locate(location.locations, uri, request) ?? location;
  }
  return prefix;
}

function longestPrefix(prefixes: readonly LocationPlan[], uri: string): LocationPlan | undefined {
  for (const location of prefixes) if (uri.startsWith(location.name)) return location;
  return undefined;
}
