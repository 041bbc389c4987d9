import pkg from "../../package.json" with { type: "json" };

/** resty's own version, as `package.json` has it. */
export const version: string = pkg.version;
