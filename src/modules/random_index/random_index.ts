import { readdirSync } from "node:fs";
import { defineModule, flag } from "../../core/module.ts";
import { DECLINED, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { fsName } from "../../std/bytestring.ts";
import { filePath } from "../core/path.ts";
import { failure, testFile } from "../open_file_cache/disk_file.ts";
import { refuse } from "../open_file_cache/open_file_cache.ts";

/** nginx's ngx_http_random_index_module: answers for a directory with any one of its files. */
export const randomIndex = defineModule({
  name: "random_index",
  directives: { random_index: flag({ contexts: ["location"], default: false }) },
  enabled: (conf) => conf.random_index,
  hooks: { content: pick },
});

function pick(request: Request): Verdict | Promise<Verdict> {
  const { uri, method } = request;
  if (!uri.endsWith("/") || (method !== "GET" && method !== "HEAD" && method !== "POST")) return DECLINED;
  const directory = filePath(request);
  let names: string[];
  try {
    names = readdirSync(fsName(directory), { encoding: "buffer" }).map((name) => name.toString("latin1"));
  } catch (error) {
    return refuse(request, directory.replace(/(?<=.)\/$/, ""), failure("opendir()", error));
  }
  const files = names.filter((name) => !name.startsWith(".") && testFile(directory + name).kind === "file");
  if (files.length === 0) return DECLINED;
  const name = files[Math.floor(Math.random() * files.length)]!;
  return request.redirect(uri + name, request.hasArgs ? request.args : undefined);
}
