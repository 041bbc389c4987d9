import { statSync } from "node:fs";
import type { ComplexValue } from "../../core/complex.ts";
import type { Request } from "../../core/request.ts";
import { generationKey } from "../../ngx/generation.ts";
import type { ScriptPhase } from "../../ngx/phases.ts";
import { Script } from "../../ngx/script.ts";
import { fsPath } from "../../std/bytestring.ts";
import { logFailure } from "./run.ts";

/** The script of a name that depends on the request, loaded when it is first asked for; undefined when it cannot be. */
export async function fileFor(request: Request, name: ComplexValue, phase: ScriptPhase): Promise<Script | undefined> {
  const { cycle } = request.plan;
  const generation = cycle.get(generationKey);
  const path = fsPath(cycle.path(name.evaluate(request)));
  const key = `${phase} ${path}`;
  let loading = generation.named.get(key);
  if (!loading) {
    if (path.includes("/../") || !isFile(path)) {
      request.log("error", `there is no script "${path}"`);
      return undefined;
    }
    const script = new Script(phase, path, { file: path, line: 1, column: 1, length: 1 }, path);
    generation.named.set(key, (loading = script.load(generation).then(() => script)));
  }
  try {
    return await loading;
  } catch (error) {
    logFailure(request, error, { label: path, where: path }, "error");
    return undefined;
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
