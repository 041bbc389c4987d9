import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { Diagnostic } from "../../core/diagnostic.ts";
import type { Plan } from "../../core/plan.ts";
import { compilerOptions } from "../../ngx/declarations/compiler_options.ts";
import { declarations } from "../../ngx/declarations/declarations.ts";
import { looseDeclarations } from "../../ngx/declarations/loose.ts";
import { originalPlaces } from "../../ngx/inline.ts";
import type { Script } from "../../ngx/script.ts";
import { cycleZones } from "../../shm/zones.ts";

/** What a configuration's scripts can name, for `ngx.var` and `ngx.shared`. */
export function declarationsFor({ cycle }: Plan): string {
  const dicts = [...cycle.get(cycleZones).declared.values()]
    .filter(({ kind }) => kind === "dict")
    .map(({ name }) => name);
  return declarations({ variables: cycle.variables.names(), dicts });
}

/** Checks the types of all scripts with the checker inside this executable. */
export async function checkTypes(plan: Plan, scripts: readonly Script[]): Promise<Diagnostic[]> {
  const folder = mkdtempSync(join(tmpdir(), "resty-check-"));
  try {
    const files = writeProject(folder, plan, scripts);
    const project = join(folder, "tsconfig.json");
    const types = installedTypes(scripts);
    writeFileSync(join(folder, "loose.d.ts"), looseText(scripts, types));
    writeFileSync(project, JSON.stringify(configuration(folder, files, types)));
    const run = Bun.spawn([process.execPath, "check", "-p", project, "--no-pretty", "--all", "--no-script"], {
      cwd: folder,
      env: { ...process.env, BUN_BE_BUN: "1", BUN_OPTIONS: "" },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [said, complained] = await Promise.all([new Response(run.stdout).text(), new Response(run.stderr).text()]);
    if ((await run.exited) === 0) return [];
    const found = said.split("\n").flatMap((line) => parseLine(line, folder));
    if (found.length > 0) return found.filter((diagnostic) => !isOfLooseType(diagnostic));
    return [{ severity: "warn", message: `types could not be checked: ${(complained || said).trim()}` }];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Blocks become files under `root/`, which lies over the file system, so that their relative imports hold. */
function writeProject(folder: string, plan: Plan, scripts: readonly Script[]): string[] {
  writeFileSync(join(folder, "resty.d.ts"), declarationsFor(plan));
  return scripts.map((script) => {
    if (script.source === undefined) return script.modulePath;
    const path = join(folder, "root", script.modulePath);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typed(script));
    return path;
  });
}

/** The parameters get their types behind everything else, so that no column changes. */
function typed({ source, phase }: Script): string {
  const ngx = ["init", "init_worker", "exit_worker", "ssl_certificate"].includes(phase)
    ? 'typeof import("resty").ngx'
    : 'import("resty").Ngx';
  return source!.replace(
    /(export default (?:async )?function \w+)\(ngx((?:, \w+)*)\) \{/,
    (_, head: string, more: string) => {
      const others = more
        .split(", ")
        .slice(1)
        .map((name) => `, ${name}: ${parameterTypes[name] ?? "unknown"}`);
      return `${head}(ngx: ${ngx}${others.join("")}) {`;
    },
  );
}

const parameterTypes: Readonly<Record<string, string>> = {
  chunk: "Buffer",
  last: "boolean",
  name: "string",
  peers: "readonly string[]",
  tried: "readonly string[]",
};

interface Installed {
  readonly roots: readonly string[];
  readonly names: readonly string[];
}

/** Bun's types where a project has installed them, beside its handlers or above. */
function installedTypes(scripts: readonly Script[]): Installed {
  const roots = new Set<string>();
  for (const { modulePath } of scripts)
    for (let at = dirname(modulePath); ; at = dirname(at)) {
      const root = join(at, "node_modules/@types");
      if (existsSync(join(root, "bun"))) roots.add(root);
      if (at === dirname(at)) break;
    }
  return { roots: [...roots], names: roots.size > 0 ? ["bun"] : [] };
}

function looseText(scripts: readonly Script[], types: Installed): string {
  const files = scripts.filter(({ source }) => source === undefined).map(({ modulePath }) => modulePath);
  const texts = [declarations(), ...scripts.flatMap(({ source }) => source ?? [])];
  const hasBun = types.names.length > 0;
  const isKnown = (specifier: string): boolean => {
    if (/^(?:bun|node)(?::|$)/.test(specifier) || isBuiltin(specifier)) return hasBun;
    return [...new Set(files.map((file) => dirname(file)))].some((folder) => isInstalled(folder, specifier));
  };
  const text = looseDeclarations(files, texts, isKnown);
  return hasBun ? text.slice(text.indexOf("interface LooseValue")) : text;
}

function isInstalled(folder: string, specifier: string): boolean {
  const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, "node_modules", name, "package.json"))) return true;
    if (at === dirname(at)) return false;
  }
}

function configuration(folder: string, files: readonly string[], types: Installed): object {
  return {
    compilerOptions: {
      ...compilerOptions,
      allowJs: true,
      rootDirs: ["/", join(folder, "root")],
      types: types.names,
      ...(types.roots.length > 0 ? { typeRoots: types.roots } : {}),
    },
    files: [join(folder, "resty.d.ts"), join(folder, "loose.d.ts"), ...files],
  };
}

/** "Is of type unknown", "implicitly any", "has no iterator": of what an untyped package gave. */
const looseErrors = /^TS(?:18046|7006|7031|2347|2488):/;

/** A file that imports a package without types cannot be held to what is made of it. */
function isOfLooseType({ message, place }: Diagnostic): boolean {
  if (!looseErrors.test(message) || !place || !existsSync(place.file)) return false;
  return (
    /\bfrom\s*["'](?:redis|mysql2|drizzle-orm)\b/.test(readFileSync(place.file, "utf8")) &&
    !isInstalled(dirname(place.file), "drizzle-orm")
  );
}

function parseLine(line: string, folder: string): Diagnostic[] {
  const match = /^(.+?)\((\d+),(\d+)\): error (TS\d+: .*)$/.exec(line);
  if (!match) return [];
  const path = resolve(folder, match[1]!);
  const root = join(folder, "root");
  const file = originalPlaces(path.startsWith(root) ? path.slice(root.length) : path);
  return [
    {
      severity: "emerg",
      message: match[4]!,
      place: { file, line: Number(match[2]), column: Number(match[3]), length: 1 },
    },
  ];
}
