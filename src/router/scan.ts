import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Route } from "./match.ts";
import { compareRoutes, InvalidRoute, isRouteFile, parseRoute, routeShape } from "./pattern.ts";

/** Something in a folder of handlers that cannot be a route. */
export interface RouteProblem {
  readonly file: string;
  readonly message: string;
  /** Another file that is part of it. */
  readonly other?: string;
}

/** The routes of a folder of handlers, in the order in which they are tried. */
export function scanRoutes(folder: string): { routes: Route[]; problems: RouteProblem[] } {
  const problems: RouteProblem[] = [];
  const routes: Route[] = [];
  const byShape = new Map<string, string>();
  for (const path of filesOf(folder)) {
    const file = join(folder, path);
    try {
      const segments = parseRoute(path);
      const shape = routeShape(segments);
      const other = byShape.get(shape);
      if (other !== undefined) {
        problems.push({ file, other, message: `two files claim the path "${shape}"` });
        continue;
      }
      byShape.set(shape, file);
      routes.push(new Route(file, segments, /(?:^|\/)index\.\w+$/.test(path)));
    } catch (error) {
      if (!(error instanceof InvalidRoute)) throw error;
      problems.push({ file, message: error.message });
    }
  }
  routes.sort((a, b) => compareRoutes(a.segments, b.segments));
  return { routes, problems };
}

/** Route files below `folder`, relative to it, in an order that does not depend on the file system. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter(isRouteFile)
    .sort();
}
