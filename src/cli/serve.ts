import { defineCommand } from "citty";
import { choose } from "./configuration.ts";
import { serve } from "./master.ts";

export const serveCommand = defineCommand({
  meta: { name: "serve", description: "Run the server in the foreground" },
  args: { conf: { type: "positional", required: false, description: "Folder with nginx.conf, or the file" } },
  run: ({ args }) => serve(choose(args.conf ?? "conf")),
});
