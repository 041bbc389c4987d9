/** How handlers are type-checked: by `resty check`, and by the editor of who began with `resty init`. */
export const compilerOptions = {
  target: "ESNext",
  module: "Preserve",
  moduleResolution: "Bundler",
  lib: ["ESNext", "DOM", "DOM.Iterable"],
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  allowImportingTsExtensions: true,
  resolveJsonModule: true,
  jsx: "preserve",
};
