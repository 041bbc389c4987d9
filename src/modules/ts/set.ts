import type { Arguments } from "../../core/arguments.ts";
import { ConfigError } from "../../core/arguments.ts";
import type { ComplexValue } from "../../core/complex.ts";
import { type DirectiveSpec, list } from "../../core/module.ts";
import { calls } from "../../ngx/calls.ts";
import { generationKey } from "../../ngx/generation.ts";
import { phaseInfo } from "../../ngx/phases.ts";
import { ngxOf } from "../../ngx/request_ngx.ts";
import { Script } from "../../ngx/script.ts";
import { decodeUtf8, encodeUtf8, fsPath } from "../../std/bytestring.ts";
import type { Request } from "../../core/request.ts";
import { next, type Operation } from "../rewrite/program.ts";
import { addOperation } from "../rewrite/rewrite.ts";
import { logFailure } from "./run.ts";

const contexts = ["server", "location", "if in server", "if in location"] as const;

/** `set_by_ts_block $variable { … }`: runs where it stands among the directives of the rewrite module. */
export const setByBlock: DirectiveSpec<unknown> = {
  ...list<undefined>({
    contexts,
    args: 1,
    syntax: "$variable { ... }",
    read: (args) => {
      const { text, place } = args.directive.script!;
      return add(args, Script.inline("set", args.name, text, place), []);
    },
  }),
  body: "script",
};

/** `set_by_ts_file $variable path [argument ...]`; the arguments are `ngx.arg[1]` and so on. */
export const setByFile: DirectiveSpec<unknown> = list<undefined>({
  contexts,
  args: [2, 64],
  syntax: "$variable path [argument ...]",
  read: (args) => {
    const path = fsPath(args.cycle.path(args.text(1)));
    const script = new Script("set", `${args.name} ${args.text(1)}`, args.words[1]!.place, path);
    return add(
      args,
      script,
      args.words.slice(2).map((_, i) => args.complex(i + 2)),
    );
  },
});

function add(args: Arguments, script: Script, values: readonly ComplexValue[]): undefined {
  const name = args.text(0);
  if (!/^\$\w+$/.test(name)) throw args.wrong(0, `invalid variable name "${name}"`, "$ and letters, digits or _");
  const { variables } = args.cycle;
  const known = variables.find(name.slice(1));
  if (known && !known.set)
    throw new ConfigError(
      `the duplicate "${name.slice(1)}" variable`,
      args.words[0]!.place,
      "a variable that can be set",
    );
  const { set } = known ?? variables.define(name.slice(1), {});
  args.cycle.get(generationKey).scripts.push(script);
  addOperation(args.level, operation(script, values, set!));
  return undefined;
}

function operation(
  script: Script,
  values: readonly ComplexValue[],
  set: (request: Request, value: string) => void,
): Operation {
  return (request) => {
    const ngx = ngxOf(request, phaseInfo.set);
    ngx.arg = [undefined, ...values.map((value) => decodeUtf8(value.evaluate(request)))];
    calls.enter(script.where, request);
    try {
      const result = ngx.generation.enter(script.handler as (argument: typeof ngx) => unknown, ngx);
      if (result instanceof Promise) {
        result.catch(() => undefined);
        throw new TypeError("a script of the set phase cannot wait: it has to return the value, not a promise");
      }
      set(request, result === undefined || result === null ? "" : encodeUtf8(String(result)));
      return next;
    } catch (error) {
      logFailure(request, error, script, "error");
      return 500;
    } finally {
      calls.leave();
    }
  };
}
