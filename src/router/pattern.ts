/** One segment of a file route: text, `[name]`, or `[...name]`, which takes the rest. */
export type Segment =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "param"; readonly name: string }
  | { readonly kind: "rest"; readonly name: string };

export class InvalidRoute extends Error {
  override readonly name = "InvalidRoute";
}

const extension = /\.(?:ts|tsx|mts|js|mjs|jsx)$/;

/** Is this a file that answers requests? Private ones start with "_", tests and declarations serve nobody. */
export function isRouteFile(path: string): boolean {
  if (!extension.test(path) || /\.(?:test|spec|d)\.\w+$/.test(path)) return false;
  return path.split("/").every((part) => !part.startsWith("_") && !part.startsWith(".") && part !== "node_modules");
}

/**
 * `api/user/[id].ts` → its segments. `index.ts` is its folder.
 * @throws InvalidRoute for brackets that make no parameter.
 */
export function parseRoute(path: string): Segment[] {
  const parts = path.replace(extension, "").split("/");
  if (parts.at(-1) === "index") parts.pop();
  const segments = parts.map(parseSegment);
  const rest = segments.findIndex(({ kind }) => kind === "rest");
  if (rest >= 0 && rest < segments.length - 1)
    throw new InvalidRoute(`"[...${nameOf(segments[rest]!)}]" has to be the last part of a path`);
  const names = segments.filter(({ kind }) => kind !== "text").map(nameOf);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new InvalidRoute(`the parameter "${twice}" stands twice in one path`);
  return segments;
}

const nameOf = (segment: Segment): string => (segment.kind === "text" ? segment.text : segment.name);

function parseSegment(part: string): Segment {
  const match = /^\[(\.\.\.)?([A-Za-z_]\w*)\]$/.exec(part);
  if (match) return { kind: match[1] ? "rest" : "param", name: match[2]! };
  if (/[[\]]/.test(part))
    throw new InvalidRoute(`"${part}" is no parameter: brackets hold a whole part of a path, as in [id] or [...rest]`);
  return { kind: "text", text: part };
}

function written(segment: Segment, name: string): string {
  if (segment.kind === "text") return segment.text;
  return segment.kind === "rest" ? `[...${name}]` : `[${name}]`;
}

/** The path as people read it: `/api/user/[id]`. */
export function routePath(segments: readonly Segment[]): string {
  return `/${segments.map((segment) => written(segment, nameOf(segment))).join("/")}`;
}

/** Two files with the same shape answer the same paths, whatever their parameters are called. */
export function routeShape(segments: readonly Segment[]): string {
  return `/${segments.map((segment) => written(segment, "")).join("/")}`;
}

/** The more of a path is fixed, the earlier it is tried: text before parameters, parameters before the rest. */
export function compareRoutes(a: readonly Segment[], b: readonly Segment[]): number {
  const rank = { text: 0, param: 1, rest: 2 };
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const left = a[i];
    const right = b[i];
    if (!left || !right) return left ? 1 : -1;
    if (left.kind !== right.kind) return rank[left.kind] - rank[right.kind];
    const order = nameOf(left) < nameOf(right) ? -1 : nameOf(left) > nameOf(right) ? 1 : 0;
    if (left.kind === "text" && order !== 0) return order;
  }
  return 0;
}
