// Writes src/ngx/declarations/resty.d.ts.txt: the types of everything that handlers import from "resty", in one file
// that needs no other. `make types` runs this after a change of the API; a test says when it was forgotten.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dir, "..");
export const target = join(root, "src/ngx/declarations/resty.d.ts.txt");

/** Makes the declarations anew from the sources. @throws Error with what the compiler says */
export function makeDeclarations(): string {
  const folder = join(root, ".build/types");
  mkdirSync(folder, { recursive: true });
  const project = join(folder, "tsconfig.json");
  const output = join(folder, "resty.d.ts");
  rmSync(output, { force: true });
  writeFileSync(
    project,
    JSON.stringify({
      extends: join(root, "tsconfig.json"),
      compilerOptions: {
        noEmit: false,
        declaration: true,
        stripInternal: true,
        emitDeclarationOnly: true,
        // Only these two write all modules into one file.
        module: "system",
        moduleResolution: "node10",
        outFile: output,
        rootDir: join(root, "src"),
        typeRoots: [join(root, "node_modules/@types")],
        verbatimModuleSyntax: false,
        isolatedModules: false,
        paths: {},
      },
      files: [join(root, "src/index.ts")],
      include: [],
    }),
  );
  const run = Bun.spawnSync([process.execPath, join(root, "node_modules/typescript/lib/tsc.js"), "-p", project]);
  let text: string;
  try {
    text = readFileSync(output, "utf8");
  } catch {
    throw new Error(`no declarations were made:\n${run.stdout.toString()}${run.stderr.toString()}`);
  }
  // Names of modules are paths of the sources; "resty:" keeps them apart from what a project has itself.
  const named = text
    .replaceAll(/(declare module |from |import\()"([a-z_]+(?:\/[\w.]+)*)"/g, (all, before: string, name: string) =>
      isOurs(name) ? `${before}"resty:${name}"` : all,
    )
    .replaceAll('"resty:index"', '"resty"');
  return reachable(named);
}

/** Leaves out the modules that nothing handlers see mentions. */
function reachable(text: string): string {
  const modules = new Map<string, string>();
  for (const [whole, name] of text.matchAll(/^declare module "([^"]+)" \{\n[^]*?^\}\n/gm)) modules.set(name!, whole);
  const wanted = new Set<string>();
  const visit = (name: string): void => {
    const body = modules.get(name);
    if (body === undefined || wanted.has(name)) return;
    wanted.add(name);
    for (const [, clause, other] of body.matchAll(/^\s+(?:import|export)([^;]*?) from "([^"]+)";/gm))
      if (isMentioned(clause!, body)) visit(other!);
    for (const [, other] of body.matchAll(/import\("([^"]+)"\)/g)) visit(other!);
  };
  visit("resty");
  return [...modules]
    .filter(([name]) => wanted.has(name))
    .map(([, body]) => body)
    .join("");
}

/** Is any of the names that a clause brings in used further on? */
function isMentioned(clause: string, body: string): boolean {
  const names = clause.match(/\w+/g) ?? [];
  return (
    names.some((name) => !["type", "as"].includes(name) && body.split(new RegExp(`\\b${name}\\b`)).length > 2) ||
    body.includes(`export${clause}`)
  );
}

function isOurs(name: string): boolean {
  return name === "index" || /^(?:std|core|config|shm|clients|router|ngx|compile|modules|runtime)\//.test(name);
}

if (import.meta.main) writeFileSync(target, makeDeclarations());
