import type { Arguments } from "../../core/arguments.ts";

/** MIME type by file name extension, lower case. */
export type Types = ReadonlyMap<string, string>;

/** What nginx knows without any `types`. */
export const defaultTypes: Types = new Map([
  ["html", "text/html"],
  ["gif", "image/gif"],
  ["jpg", "image/jpeg"],
]);

/** `types { text/html html htm; … }` */
export function readTypes(args: Arguments): Types {
  const types = new Map<string, string>();
  for (const entry of args.directive.block!)
    for (const word of entry.args) {
      const extension = word.text.toLowerCase();
      const before = types.get(extension);
      if (before !== undefined && before !== entry.name)
        args.cycle.diagnostics.warn(
          `duplicate extension "${word.text}", content type: "${entry.name}", previous content type: "${before}"`,
          word.place,
        );
      types.set(extension, entry.name);
    }
  return types;
}
