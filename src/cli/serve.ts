import { defineCommand } from "citty";
import { choose, makeLogFolder } from "./configuration.ts";
import { serve } from "./master.ts";
import { confArgument, nginxOptions } from "./options.ts";

export const serveCommand = defineCommand({
  meta: { name: "serve", description: "Run the server in the foreground (daemon on; detaches)" },
  args: {
    conf: confArgument,
    ...nginxOptions,
    watch: {
      type: "boolean",
      alias: "w",
      description: "Reload when a file of the configuration or a handler is saved",
    },
    inspect: {
      type: "string",
      valueHint: "HOST:PORT",
      description: "Let a debugger attach, for instance to 127.0.0.1:6499",
    },
  },
  run({ args }) {
    const choice = choose(args.conf, args.directives, args.prefix);
    makeLogFolder(choice);
    if (args.inspect) process.stderr.write(`resty: debugger on https://debug.bun.sh/#${args.inspect}/resty\n`);
    return serve(choice, { watch: args.watch ?? false, inspect: args.inspect });
  },
});
