import { expect, test } from "bun:test";
import { join } from "node:path";
import { Sqlite } from "../../src/clients/sqlite.ts";
import { makeFolder, removeFolder } from "../lib/folder.ts";

/** Holds the file for a second, as a worker does that makes it on a slow disk. */
const holder = `
  import { Database } from "bun:sqlite";
  const file = new Database(process.argv[1], { create: true });
  file.run("BEGIN EXCLUSIVE");
  file.run("CREATE TABLE made (a)");
  console.log("held");
  await Bun.sleep(1000);
  file.run("COMMIT");
`;

test("a file that another process is making is waited for", async () => {
  const folder = makeFolder("sqlite");
  try {
    const file = join(folder, "a.db");
    const other = Bun.spawn([process.execPath, "-e", holder, file], { stdout: "pipe" });
    await other.stdout.getReader().read();
    const sqlite = new Sqlite({ name: "main", file, migrations: undefined });
    await sqlite.open();
    expect(sqlite.drizzle.all("SELECT count(*) AS n FROM made")).toEqual([{ n: 0 }]);
    sqlite.close();
    expect(await other.exited).toBe(0);
  } finally {
    removeFolder(folder);
  }
});
