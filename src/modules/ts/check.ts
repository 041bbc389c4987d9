import { existsSync, readFileSync } from "node:fs";
import type { Diagnostic, Place } from "../../core/diagnostic.ts";
import type { Plan } from "../../core/plan.ts";
import { generationKey } from "../../ngx/generation.ts";
import { originalPlaces } from "../../ngx/inline.ts";
import { packageNames } from "../../ngx/packages.ts";
import type { Script } from "../../ngx/script.ts";
import { checkTypes } from "./type_check.ts";

export interface CheckOptions {
  /** Types too, with the checker that is in the runtime: some 100 ms more. */
  readonly types?: boolean;
}

/**
 * Compiles every script and file route of a configuration, and all they import, without running any of it.
 * @returns What is wrong with them, each with its place.
 */
export async function checkHandlers(plan: Plan, options: CheckOptions = {}): Promise<Diagnostic[]> {
  const scripts = distinct(plan.cycle.get(generationKey).scripts);
  if (scripts.length === 0) return [];
  const found = await compile(scripts);
  // What does not compile has no types worth reporting.
  if (found.length > 0 || !options.types) return found;
  return checkTypes(plan, scripts);
}

function distinct(scripts: readonly Script[]): Script[] {
  return [...new Map(scripts.map((script) => [script.modulePath, script])).values()];
}

interface Log {
  readonly message: string;
  readonly level: string;
  readonly position: { file: string; line: number; column: number; length: number } | null;
}

async function compile(scripts: readonly Script[]): Promise<Diagnostic[]> {
  const inline = new Map(scripts.map((script) => [script.modulePath, script.source]));
  const missing = scripts.filter((script) => script.source === undefined && !existsSync(script.modulePath));
  const there = scripts.filter((script) => !missing.includes(script));
  const result = await Bun.build({
    entrypoints: there.map(({ modulePath }) => modulePath),
    target: "bun",
    throw: false,
    external: [...packageNames],
    plugins: [
      {
        name: "resty scripts",
        setup(build) {
          build.onResolve({ filter: /!\d+_\d+\.ts$/ }, ({ path }) => ({ path, namespace: "file" }));
          build.onLoad({ filter: /!\d+_\d+\.ts$/ }, ({ path }) => ({ contents: inline.get(path) ?? "", loader: "ts" }));
        },
      },
    ],
  });
  return [
    ...missing.map(({ modulePath, place }) => error(`there is no script "${modulePath}"`, place)),
    ...(result.logs as unknown as Log[])
      .filter(({ level }) => level === "error")
      .map((log) => diagnosticOf(log, scripts)),
    ...(result.success
      ? there.filter(exportsNothing).map((script) => error(nothingExported(script), script.place))
      : []),
  ];
}

const error = (message: string, place: Place): Diagnostic => ({ severity: "emerg", message, place });

function diagnosticOf({ message, position }: Log, scripts: readonly Script[]): Diagnostic {
  if (!position) return error(message, scripts[0]!.place);
  const { file, line, column, length } = position;
  return error(message, { file: originalPlaces(file), line, column, length: Math.max(1, length) });
}

const transpiler = new Bun.Transpiler({ loader: "tsx" });

function exportsNothing(script: Script): boolean {
  if (script.source !== undefined) return false;
  let names: readonly string[];
  try {
    names = transpiler.scan(readFileSync(script.modulePath, "utf8")).exports;
  } catch {
    return false; // it compiled as what its name says it is, so let it be loaded
  }
  return !names.includes("default") && !(script.phase === "content" && names.some((name) => /^[A-Z]+$/.test(name)));
}

function nothingExported({ label, phase }: Script): string {
  const wanted =
    phase === "content"
      ? "a default export that is a function, or one named GET, POST, …"
      : "a default export that is a function";
  return `${label} exports no handler: it needs ${wanted}`;
}
