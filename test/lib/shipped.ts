import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { StartOptions } from "./server.ts";

const root = resolve(import.meta.dir, "../..");

/** The configuration and handlers that the project ships, on a port of the test's, to be started and asked. */
export function shipped(workers: number, change: (text: string) => string = (text) => text): StartOptions {
  const files: Record<string, string> = {};
  for (const folder of ["conf", "handlers"])
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })) {
      const path = join(root, folder, name);
      if (statSync(path).isFile()) files[`/${folder}/${name}`] = readFileSync(path, "utf8");
    }
  const adapt = (text: string) => change(text.replaceAll("127.0.0.1:8080", "127.0.0.1:%port%"));
  for (const name of Object.keys(files)) if (name.endsWith(".conf")) files[name] = adapt(files[name]!);
  const conf = files["/conf/nginx.conf"]!.replace("worker_processes auto;", `daemon off; worker_processes ${workers};`);
  return { conf, files };
}
