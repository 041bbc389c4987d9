import type { Arguments } from "../../core/arguments.ts";
import { type Context, type DirectiveSpec, list } from "../../core/module.ts";
import type { Request } from "../../core/request.ts";

/** What one directive such as `gzip_types` names: types in lower case, or "any" for `*`. */
export type MimeTypes = ReadonlySet<string> | "any";

interface Options {
  readonly contexts: readonly Context[];
  /** The types that are always meant; with `*` all are. */
  readonly standard: readonly string[];
}

/** A directive that says by MIME type which responses its module is for. */
export function mimeTypes({ contexts, standard }: Options): DirectiveSpec<readonly MimeTypes[]> {
  return {
    ...list<MimeTypes>({
      contexts,
      args: [1, 1024],
      syntax: "mime-type ...",
      read: (args) => readTypes(args, standard),
    }),
    initial: [new Set(standard)],
  };
}

function readTypes(args: Arguments, standard: readonly string[]): MimeTypes {
  if (args.texts().includes("*")) return "any";
  const types = new Set(standard);
  args.words.forEach((word) => {
    const type = word.text.toLowerCase();
    if (types.has(type)) args.cycle.diagnostics.warn(`duplicate MIME type "${type}"`, word.place);
    types.add(type);
  });
  return types;
}

/** Is the response of one of the types? One without a type is of none, but for `*`. */
export function hasType(request: Request, lists: readonly MimeTypes[]): boolean {
  const type = request.response.contentType;
  if (type === undefined || type === "") return lists.includes("any");
  for (let i = 0; i < lists.length; i++) {
    const types = lists[i]!;
    if (types === "any" || types.has(type)) return true;
  }
  // A script or an upstream may have put parameters behind it, or capitals in it.
  const bare = /^[^;\s]*/.exec(type)![0].toLowerCase();
  return bare !== type && lists.some((types) => types !== "any" && types.has(bare));
}
