import { Cycle } from "../core/cycle.ts";
import type { Diagnostics } from "../core/diagnostic.ts";
import type { Directive } from "../core/directive.ts";
import { Level } from "../core/level.ts";
import type { AnyModule } from "../core/module.ts";
import type { Plan, ServerPlan } from "../core/plan.ts";
import { VariableTable } from "../core/variable.ts";
import { Directory } from "./directory.ts";
import { readBlock, report } from "./read.ts";
import { compileListeners, compileServers } from "./servers.ts";

export interface CompileOptions {
  /** In running order. */
  readonly modules: readonly AnyModule[];
  readonly prefix: string;
  readonly confPrefix: string;
  readonly diagnostics: Diagnostics;
  /** False in a worker, which compiles what the master has found good. */
  readonly validating: boolean;
  /** Files that were read before, for a worker. */
  readonly files?: Map<string, string> | undefined;
  /** Called when all directives are read, unless something is wrong with them; much may still turn out to be. */
  readonly onRead?: ((main: Level) => void) | undefined;
}

export interface Compiled {
  readonly plan: Plan;
  /** The main level, for what the master has to know (`worker_processes`, `pid`). */
  readonly main: Level;
}

/** Makes a Plan of the directives. What is wrong is in `diagnostics`; with errors there the Plan must not serve. */
export function compile(directives: readonly Directive[], options: CompileOptions): Compiled {
  const { modules, diagnostics } = options;
  const variables = new VariableTable(modules);
  const cycle = new Cycle(
    options.prefix,
    options.confPrefix,
    variables,
    diagnostics,
    options.validating,
    options.files,
  );
  const main = new Level("main", undefined, undefined, cycle);
  readBlock(directives, main, new Directory(modules), cycle);
  if (!diagnostics.failed) options.onRead?.(main);
  for (const module of modules) {
    try {
      module.finish?.(cycle, main);
    } catch (error) {
      report(error, cycle);
    }
  }
  const servers = new Map<Level, ServerPlan>();
  for (const http of main.children)
    if (http.context === "http")
      for (const [level, server] of compileServers(http, modules, cycle)) servers.set(level, server);
  const listeners = compileListeners(servers, cycle);
  variables.check(diagnostics);
  return { plan: { cycle, listeners, servers: [...servers.values()] }, main };
}
