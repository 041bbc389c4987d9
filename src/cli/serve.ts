import { defineCommand } from "citty";
import { choose, makeLogFolder } from "./configuration.ts";
import { serve } from "./master.ts";
import { confArgument, nginxOptions } from "./options.ts";

export const serveCommand = defineCommand({
  meta: { name: "serve", description: "Run the server in the foreground (daemon on; detaches)" },
  args: {
    conf: confArgument,
    ...nginxOptions,
    watch: { type: "boolean", alias: "w", description: "Reload when a file of the configuration or a handler is saved" },
  },
  run({ args }) {
    const choice = choose(args.conf, args.directives, args.prefix);
    makeLogFolder(choice);
    return serve(choice, { watch: args.watch ?? false });
  },
});
