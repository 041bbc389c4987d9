/**
 * Makes an executable for each platform in dist/, with their SHA-256 sums: `bun scripts/release.ts [PLATFORM …]`.
 * Bun itself comes from its packages on npm, at the version this project pins.
 */
import { createHash } from "node:crypto";
import { chmodSync, createReadStream, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { version } from "../src/std/version.ts";
import { build } from "./build.ts";

const root = resolve(import.meta.dir, "..");
const output = join(root, "dist");
const cache = join(root, ".build/bun");

interface Platform {
  readonly name: string;
  /** Name of Bun's package behind "@oven/bun-". */
  readonly bun: string;
  /** Name of the target behind "bun-". */
  readonly target: string;
}

const platforms: readonly Platform[] = [
  { name: "linux-x64", bun: "linux-x64", target: "linux-x64" },
  { name: "linux-arm64", bun: "linux-aarch64", target: "linux-arm64" },
  { name: "linux-x64-musl", bun: "linux-x64-musl", target: "linux-x64-musl" },
  { name: "linux-arm64-musl", bun: "linux-aarch64-musl", target: "linux-arm64-musl" },
  { name: "darwin-x64", bun: "darwin-x64", target: "darwin-x64" },
  { name: "darwin-arm64", bun: "darwin-aarch64", target: "darwin-arm64" },
  { name: "windows-x64.exe", bun: "windows-x64", target: "windows-x64" },
];

interface Lock {
  packages: Record<string, { version: string; integrity?: string }>;
}

const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as Lock;

/** @returns Path of that platform's Bun. @throws Error when it is not the one that the lock file names. */
function bunFor({ bun, target }: Platform): string {
  const name = `@oven/bun-${bun}`;
  const locked = lock.packages[`node_modules/${name}`];
  if (!locked?.integrity) throw new Error(`package-lock.json does not know ${name}`);
  const folder = join(cache, `${bun}-${locked.version}`);
  const executable = join(folder, "package/bin", target.startsWith("windows") ? "bun.exe" : "bun");
  if (existsSync(executable)) return executable;
  mkdirSync(folder, { recursive: true });
  const archive = run(folder, "npm", "pack", "--silent", `${name}@${locked.version}`).trim();
  const found = `sha512-${createHash("sha512")
    .update(readFileSync(join(folder, archive)))
    .digest("base64")}`;
  if (found !== locked.integrity) throw new Error(`${name}: ${found} instead of ${locked.integrity}`);
  run(folder, "tar", "-xzf", archive);
  rmSync(join(folder, archive));
  chmodSync(executable, 0o755);
  return executable;
}

function run(cwd: string, ...cmd: string[]): string {
  const done = Bun.spawnSync({ cmd, cwd, stdio: ["ignore", "pipe", "pipe"] });
  if (done.exitCode !== 0) throw new Error(`${cmd.join(" ")} failed:\n${done.stderr}${done.stdout}`);
  return done.stdout.toString();
}

async function sha256(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !platforms.some((platform) => platform.name === name));
if (unknown.length > 0)
  throw new Error(`no platform ${unknown.join(", ")}: there are ${platforms.map(({ name }) => name).join(", ")}`);

mkdirSync(output, { recursive: true });
const sums: string[] = [];
for (const platform of platforms) {
  if (asked.length > 0 && !asked.includes(platform.name)) continue;
  const name = `resty-${version}-${platform.name}`;
  build(join(output, name), { name: `bun-${platform.target}`, executable: bunFor(platform) });
  const sum = await sha256(join(output, name));
  sums.push(`${sum}  ${name}\n`);
  process.stdout.write(sums.at(-1)!);
}
writeFileSync(join(output, "SHA256SUMS"), sums.join(""));
