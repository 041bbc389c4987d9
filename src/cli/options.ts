/** What every verb that reads a configuration takes. */
export const confArgument = {
  type: "positional",
  required: false,
  description: "Folder that holds nginx.conf, or the file itself (conf/ if there is one, else that of the executable)",
} as const;

export const nginxOptions = {
  prefix: { type: "string", alias: "p", valueHint: "DIR", description: "Where relative paths start" },
  directives: {
    type: "string",
    alias: "g",
    default: "",
    valueHint: "TEXT",
    description: "Directives in front of those of the file",
  },
} as const;
