import type { Arguments } from "../../core/arguments.ts";
import type { Level } from "../../core/level.ts";
import { block, type Context, type DirectiveSpec, defineModule, field, flag, list } from "../../core/module.ts";
import { DECLINED, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { readCondition } from "./condition.ts";
import { leave, next, type Operation, run } from "./program.ts";
import { readReturn } from "./return.ts";
import { readRewrite } from "./substitute.ts";

const anywhere: readonly Context[] = ["server", "location", "if in server", "if in location"];

/** A directive that is one operation of its level's program. */
function operation(
  contexts: readonly Context[],
  args: number | readonly [number, number],
  syntax: string,
  read: (args: Arguments) => Operation,
): DirectiveSpec<readonly Operation[]> {
  return list({ contexts, args, syntax, into: "program", read });
}

/** nginx's ngx_http_rewrite_module: a small program a level, run in the order it is written. */
export const rewrite = defineModule({
  name: "rewrite",
  directives: {
    return: operation(anywhere, [1, 2], "code [text] | code URL | URL", readReturn),
    rewrite: operation(anywhere, [2, 3], "regex replacement [last | break | redirect | permanent]", readRewrite),
    set: operation(anywhere, 2, "$variable value", readSet),
    break: operation(anywhere, 0, "", () => (request) => {
      request.uriChanged = false;
      return leave;
    }),
    if: {
      ...block({
        contexts: ["server", "location"],
        args: [1, 64],
        syntax: "(condition) { ... }",
        opens: (context) => (context === "server" ? "if in server" : "if in location"),
      }),
      field: "program",
      read: readIf,
    },
    rewrite_log: flag({ contexts: ["http", "server", "location", "if in server", "if in location"], default: false }),
    uninitialized_variable_warn: flag({
      contexts: ["http", "server", "location", "if in server", "if in location"],
      default: true,
    }),
  },
  fields: {
    program: field<readonly Operation[]>([], "none"),
  },
  hooks: {
    server_rewrite: (request, conf) => answer(request, conf.program),
    rewrite: (request, conf) => answer(request, conf.program),
  },
  enabled: (conf) => conf.program.length > 0,
});

function answer(request: Request, program: readonly Operation[]): Verdict | Promise<Verdict> {
  const verdict = run(request, program);
  return verdict === next || verdict === leave ? DECLINED : verdict;
}

/** Lets another module's directive take part in the program, in the place where it is written. */
export function addOperation(level: Level, op: Operation): void {
  level.append(rewrite, "program", op);
}

function readSet(args: Arguments): Operation {
  const name = args.text(0);
  if (!/^\$\w+$/.test(name)) throw args.wrong(0, `invalid variable name "${name}"`, "$ and letters, digits or _");
  const value = args.complex(1);
  const { variables } = args.cycle;
  const known = variables.find(name.slice(1));
  if (known && !known.set)
    throw args.wrong(0, `the duplicate "${name.slice(1)}" variable`, "a variable that can be set");
  const variable =
    known ?? variables.define(name.slice(1), { get: (request) => uninitialized(request, name.slice(1)) });
  const set = variable.set!;
  return (request) => {
    set(request, value.evaluate(request));
    return next;
  };
}

/** Of a variable that is set somewhere, and has not been for this request. */
function uninitialized(request: Request, name: string): string {
  if (rewrite.of(request).uninitialized_variable_warn) request.log("warn", `using uninitialized "${name}" variable`);
  return "";
}

function readIf(args: Arguments): Operation {
  const holds = readCondition(args);
  const level = args.opened!;
  const program = (level.own(rewrite, "program") ?? []) as readonly Operation[];
  const switches = level.context === "if in location";
  return (request) => {
    if (!holds(request)) return next;
    if (switches) request.location = level.plan!;
    return run(request, program);
  };
}
