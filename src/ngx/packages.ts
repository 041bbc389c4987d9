// What handlers may import without installing it. The packages are inside the executable; handlers are not, and would
// look for a node_modules that nobody made.
import { plugin } from "bun";

type Load = () => Promise<object>;

const packages: Readonly<Record<string, Load>> = {
  resty: () => import("../index.ts"),
  redis: () => import("redis"),
  mysql2: () => import("mysql2"),
  "mysql2/promise": () => import("mysql2/promise"),
  "drizzle-orm": () => import("drizzle-orm"),
  "drizzle-orm/mysql2": () => import("drizzle-orm/mysql2"),
  "drizzle-orm/mysql-core": () => import("drizzle-orm/mysql-core"),
  "drizzle-orm/bun-sqlite": () => import("drizzle-orm/bun-sqlite"),
  "drizzle-orm/sqlite-core": () => import("drizzle-orm/sqlite-core"),
};

export const packageNames: readonly string[] = Object.keys(packages);

let installed = false;

/** Makes the packages known to every module loaded from now on; each is itself loaded when it is first asked for. */
export function installPackages(): void {
  if (installed) return;
  installed = true;
  const loaders = Object.entries(packages).map(([name, load]): [string, Load] => [name, loaderOf(name, load)]);
  plugin({
    name: "resty packages",
    setup(build) {
      for (const [name, load] of loaders)
        build.module(name, async () => ({ exports: (await load()) as Record<string, unknown>, loader: "object" }));
    },
  });
}

/**
 * In the executable, `import()` of a literal leads to what was bundled. Run from its sources, the same `import()` would
 * come back to the plugin, so the file is found before there is one.
 */
function loaderOf(name: string, load: Load): Load {
  if (name === "resty" || import.meta.dir.startsWith("/$bunfs") || import.meta.dir.includes("~BUN")) return load;
  const path = Bun.resolveSync(name, import.meta.dir);
  return () => import(path);
}
