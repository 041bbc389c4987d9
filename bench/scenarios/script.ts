import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseMethod, requestBytes, type HeaderList } from "../request.ts";
import { UsageError } from "../usage.ts";
import { isSuccess, type Answer, type Planned, type Scenario, type StepInfo } from "./scenario.ts";

/** A request as a script says it; a plain string is the path of a GET. */
export interface ScriptRequest {
  /** GET, or POST when there is a body. */
  method?: string;
  /** Path and query. */
  path: string;
  headers?: Record<string, string>;
  /** Text or bytes; anything else is sent as JSON, with its Content-Type. */
  body?: unknown;
}

/** One step of a script. `Vars` is what a user carries from one answer to the next request. */
export interface ScriptStep<Vars extends object = Record<string, unknown>> {
  /** A row of the report. */
  name: string;
  /** A fixed request is made once; a function is called for each. */
  request: string | ScriptRequest | ((vars: Vars) => string | ScriptRequest);
  /** The right status or statuses; without it, 2xx and 3xx. */
  expect?: number | readonly number[];
  /** `false`, or a sentence, makes the answer an error of kind "body". */
  check?(answer: Answer, vars: Vars): boolean | string | undefined;
  /** What to remember of the answer. */
  extract?(answer: Answer, vars: Vars): Partial<Vars>;
  /** With weights (on every step) each request is drawn at random; without, the steps follow each other for ever. */
  weight?: number;
}

/** What a script may export instead of a plain array of steps. */
export interface Script<Vars extends object = Record<string, unknown>> {
  steps: readonly ScriptStep<Vars>[];
  /** What a user starts with, each time its first step begins. */
  vars?(): Vars;
}

interface User {
  at: number;
  vars: Record<string, unknown>;
}

interface PlannedStep extends Planned {
  readonly script: ScriptStep;
}

export interface ScriptScenarioOptions {
  authority: string;
  headers: HeaderList;
  close: boolean;
}

/** @throws UsageError that names the file and what is wrong with it. */
export async function loadScript(file: string): Promise<Script> {
  let loaded: { default?: unknown };
  try {
    loaded = (await import(pathToFileURL(resolve(file)).href)) as { default?: unknown };
  } catch (error) {
    throw new UsageError(`--script ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const exported = loaded.default;
  const script = (Array.isArray(exported) ? { steps: exported } : exported) as Script | undefined;
  const say = (problem: string): never => {
    throw new UsageError(`--script ${file}: ${problem}`);
  };
  if (!script || !Array.isArray(script.steps) || script.steps.length === 0) {
    return say("export default an array of steps, or an object with steps");
  }
  const weighted = script.steps.filter((step) => step.weight !== undefined).length;
  if (weighted > 0 && weighted < script.steps.length) say("give every step a weight, or none");
  script.steps.forEach((step, at) => {
    if (typeof step?.name !== "string") say(`step ${at + 1} has no name`);
    const { request } = step;
    const right = typeof request === "string" || typeof request === "function" || typeof request?.path === "string";
    if (!right) say(`step "${step.name}" has no request: expected a path, { path, … } or a function`);
    if (step.weight !== undefined && !(step.weight >= 0)) say(`step "${step.name}": a weight is a number from 0`);
  });
  if (weighted > 0 && script.steps.every((step) => step.weight === 0)) say("all weights are 0");
  return script;
}

export function scriptScenario(script: Script, options: ScriptScenarioOptions): Scenario<User> {
  const infos: StepInfo[] = script.steps.map((step) => {
    const { expect, request } = step;
    const method = typeof request === "object" ? request.method : "GET";
    const statuses = expect === undefined ? undefined : typeof expect === "number" ? [expect] : expect;
    return {
      name: step.name,
      head: method === "HEAD",
      keep: step.check !== undefined || step.extract !== undefined,
      accepts: statuses ? (status) => statuses.includes(status) : isSuccess,
    };
  });
  const plan = (index: number, asked: string | ScriptRequest): PlannedStep => {
    const parts = typeof asked === "string" ? { path: asked } : asked;
    const info = infos[index]!;
    const head = parts.method === "HEAD";
    const step = head === info.head ? info : { ...info, head };
    return { step, index, bytes: scriptBytes(parts, options), script: script.steps[index]! };
  };
  const fixed = script.steps.map(({ request }, index) =>
    typeof request === "function" ? undefined : plan(index, request),
  );
  const weighted = script.steps[0]!.weight !== undefined;
  const total = script.steps.reduce((sum, step) => sum + (step.weight ?? 0), 0);
  const fresh = (): Record<string, unknown> => script.vars?.() ?? {};

  function draw(): number {
    let left = Math.random() * total;
    const index = script.steps.findIndex((step) => (left -= step.weight ?? 0) < 0);
    return Math.max(index, 0);
  }

  return {
    steps: infos,
    pipelinable: false,
    newUser: () => ({ at: 0, vars: fresh() }),
    next(user) {
      if (weighted) user.at = draw();
      else if (user.at === script.steps.length) {
        user.at = 0;
        user.vars = fresh();
      }
      const index = user.at++;
      const { request } = script.steps[index]!;
      return fixed[index] ?? plan(index, typeof request === "function" ? request(user.vars) : request);
    },
    answered(user, planned, answer) {
      const { check, extract } = (planned as PlannedStep).script;
      try {
        const verdict = check?.(answer, user.vars);
        if (verdict === false) return "the check failed";
        if (typeof verdict === "string") return verdict;
        if (extract) Object.assign(user.vars, extract(answer, user.vars));
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
      return undefined;
    },
    failed(user) {
      // What the next step builds on is missing: begin again.
      if (weighted) return;
      user.at = 0;
      user.vars = fresh();
    },
  };
}

function scriptBytes(asked: ScriptRequest, options: ScriptScenarioOptions): Uint8Array {
  const { body } = asked;
  const raw = body === undefined || typeof body === "string" || body instanceof Uint8Array;
  const headers: [string, string][] = [...options.headers.map(([name, value]): [string, string] => [name, value])];
  for (const [name, value] of Object.entries(asked.headers ?? {})) headers.push([name, value]);
  const typed = headers.some(([name]) => name.toLowerCase() === "content-type");
  if (!raw && !typed) headers.push(["Content-Type", "application/json"]);
  const unsafe = headers.find(([name, value]) => /[\r\n]/.test(name + value));
  if (unsafe || /[\s\x00-\x1f]/.test(asked.path)) {
    throw new UsageError(`a line break or blank in a request's ${unsafe ? "header" : "path"}`);
  }
  return requestBytes({
    method: parseMethod(asked.method ?? (body === undefined ? "GET" : "POST")),
    path: asked.path,
    authority: options.authority,
    headers,
    body: raw ? body : JSON.stringify(body),
    close: options.close,
  });
}
