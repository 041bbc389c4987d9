import type { Arguments } from "../../core/arguments.ts";
import type { ComplexValue } from "../../core/complex.ts";
import {
  type Context,
  defineModule,
  type DirectiveSpec,
  field,
  flag,
  type MergeRule,
  number,
  size,
  time,
  value,
} from "../../core/module.ts";
import { DECLINED, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { generationKey } from "../../ngx/generation.ts";
import { phaseInfo, type ScriptPhase } from "../../ngx/phases.ts";
import { host } from "../../ngx/host.ts";
import { gatherInput, refusal, type StandardSchema } from "../../ngx/input.ts";
import { ngxOf, type RequestNgx } from "../../ngx/request_ngx.ts";
import { type Handler, Script } from "../../ngx/script.ts";
import { fsPath } from "../../std/bytestring.ts";
import { balancerByBlock, balancerByFile } from "./balancer.ts";
import { filterBody } from "./body_filter.ts";
import { fileFor } from "./file.ts";
import { runContent, runFilter, runScript } from "./run.ts";
import { setByFile, setByBlock } from "./set.ts";
import { startGeneration } from "./start.ts";
import { answerError, isWatched } from "./watch_page.ts";

/** A script as a level of the configuration has it; `path` is of one whose name depends on the request. */
export interface Use {
  readonly script: Script | undefined;
  readonly path: ComplexValue | undefined;
}

const everywhere: readonly Context[] = ["http", "server", "location", "if in location"];
const contexts: Readonly<Partial<Record<ScriptPhase, readonly Context[]>>> = {
  init: ["http"],
  init_worker: ["http"],
  exit_worker: ["http"],
  ssl_certificate: ["server"],
  server_rewrite: ["http", "server"],
  content: ["location", "if in location"],
};

function block(phase: ScriptPhase, parameters?: readonly string[]): DirectiveSpec<Use | undefined> {
  return {
    ...value<Use | undefined>({
      contexts: contexts[phase] ?? everywhere,
      default: undefined,
      args: 0,
      syntax: "{ ... }",
      merge: phase === "content" ? "conditional" : "inherit",
      read: (args) => readBlock(args, phase, parameters),
    }),
    field: phase,
    body: "script",
  };
}

function file(phase: ScriptPhase): DirectiveSpec<Use | undefined> {
  return {
    ...value<Use | undefined>({
      contexts: contexts[phase] ?? everywhere,
      default: undefined,
      args: [1, 64],
      syntax: "path [argument ...]",
      merge: phase === "content" ? "conditional" : "inherit",
      read: (args) => readFile(args, phase),
    }),
    field: phase,
  };
}

function readBlock(args: Arguments, phase: ScriptPhase, parameters?: readonly string[]): Use {
  const { text, place } = args.directive.script!;
  const script = Script.inline(phase, args.name, text, place, parameters);
  args.cycle.get(generationKey).scripts.push(script);
  return { script, path: undefined };
}

function readFile(args: Arguments, phase: ScriptPhase): Use {
  const path = args.complex(0);
  if (path.constant === undefined) return { script: undefined, path };
  const generation = args.cycle.get(generationKey);
  const absolute = fsPath(args.cycle.path(path.constant));
  const script = new Script(phase, `${args.name} ${path.constant}`, args.words[0]!.place, absolute);
  generation.scripts.push(script);
  return { script, path: undefined };
}

const upToLocation: readonly Context[] = ["http", "server", "location"];

const uses = (merge: MergeRule = "inherit") => field<Use | undefined>(undefined, merge);

host.socketOptions = (request) => {
  const conf = ts.of(request);
  return {
    connectMs: conf.lua_socket_connect_timeout,
    sendMs: conf.lua_socket_send_timeout,
    readMs: conf.lua_socket_read_timeout,
    idleMs: conf.lua_socket_keepalive_timeout,
    poolSize: conf.lua_socket_pool_size,
  };
};

/** TypeScript in every phase of a request. */
export const ts = defineModule({
  name: "ts",
  directives: {
    init_by_ts_block: block("init"),
    init_by_ts_file: file("init"),
    init_worker_by_ts_block: block("init_worker"),
    init_worker_by_ts_file: file("init_worker"),
    exit_worker_by_ts_block: block("exit_worker"),
    exit_worker_by_ts_file: file("exit_worker"),
    ssl_certificate_by_ts_block: block("ssl_certificate", ["name"]),
    ssl_certificate_by_ts_file: file("ssl_certificate"),
    server_rewrite_by_ts_block: block("server_rewrite"),
    server_rewrite_by_ts_file: file("server_rewrite"),
    set_by_ts_block: setByBlock,
    set_by_ts_file: setByFile,
    rewrite_by_ts_block: block("rewrite"),
    rewrite_by_ts_file: file("rewrite"),
    access_by_ts_block: block("access"),
    access_by_ts_file: file("access"),
    precontent_by_ts_block: block("precontent"),
    precontent_by_ts_file: file("precontent"),
    content_by_ts_block: block("content"),
    content_by_ts_file: file("content"),
    header_filter_by_ts_block: block("header_filter"),
    header_filter_by_ts_file: file("header_filter"),
    body_filter_by_ts_block: block("body_filter", ["chunk", "last"]),
    body_filter_by_ts_file: file("body_filter"),
    log_by_ts_block: block("log"),
    log_by_ts_file: file("log"),

    balancer_by_ts_block: balancerByBlock,
    balancer_by_ts_file: balancerByFile,

    handler_timeout: time({ contexts: ["http", "server", "location"], default: 60_000 }),
    lua_need_request_body: flag({ contexts: everywhere, default: false }),
    lua_max_pending_timers: number({ contexts: ["http"], default: 1024, min: 1 }),
    lua_max_running_timers: number({ contexts: ["http"], default: 256, min: 1 }),
    lua_capture_error_log: size({ contexts: ["http"], default: 0 }),
    lua_socket_connect_timeout: time({ contexts: upToLocation, default: 60_000 }),
    lua_socket_send_timeout: time({ contexts: upToLocation, default: 60_000 }),
    lua_socket_read_timeout: time({ contexts: upToLocation, default: 60_000 }),
    lua_socket_keepalive_timeout: time({ contexts: upToLocation, default: 60_000 }),
    lua_socket_pool_size: number({ contexts: upToLocation, default: 30, min: 1 }),
  },
  fields: {
    init: uses(),
    init_worker: uses(),
    exit_worker: uses(),
    ssl_certificate: uses(),
    server_rewrite: uses(),
    rewrite: uses(),
    access: uses(),
    precontent: uses(),
    content: uses("conditional"),
    header_filter: uses(),
    body_filter: uses(),
    log: uses(),
  },
  enabled: (conf, phase) => {
    if (phase === "post_read") return isWatched;
    if (phase === "header_filter") return conf.header_filter !== undefined || conf.body_filter !== undefined;
    if (phase === "late_rewrite") return conf.rewrite !== undefined || conf.lua_need_request_body;
    return (conf as Record<string, unknown>)[phase] !== undefined;
  },
  handler: (conf) =>
    conf.content ? (request, { content, handler_timeout }) => answer(request, content!, handler_timeout) : undefined,
  hooks: {
    post_read: answerError,
    server_rewrite: (request, conf) => run(request, conf.server_rewrite!, "server_rewrite", conf.handler_timeout),
    late_rewrite: (request, conf) => {
      if (conf.lua_need_request_body && !request.parent) return readFirst(request, conf.rewrite, conf.handler_timeout);
      return run(request, conf.rewrite!, "rewrite", conf.handler_timeout);
    },
    access: (request, conf) => run(request, conf.access!, "access", conf.handler_timeout),
    precontent: (request, conf) => run(request, conf.precontent!, "precontent", conf.handler_timeout),
    header_filter: (request, { header_filter, body_filter, handler_timeout }) => {
      if (body_filter) filterBody(request, body_filter);
      return header_filter ? filterHead(request, header_filter, handler_timeout) : DECLINED;
    },
    log: (request, conf) => {
      const verdict = run(request, conf.log!, "log", conf.handler_timeout);
      if (typeof verdict !== "number") return verdict.then(() => DECLINED);
      return DECLINED;
    },
  },
  finish: (cycle, main) => startGeneration(cycle, main),
});

function run(request: Request, use: Use, phase: ScriptPhase, timeoutMs: number): Verdict | Promise<Verdict> {
  if (use.script) return runScript(request, use.script, phaseInfo[phase], timeoutMs);
  return fileFor(request, use.path!, phase).then((script) =>
    script ? runScript(request, script, phaseInfo[phase], timeoutMs) : 500,
  );
}

function filterHead(request: Request, use: Use, timeoutMs: number): Verdict | Promise<Verdict> {
  if (use.script) return runFilter(request, use.script, timeoutMs);
  return fileFor(request, use.path!, "header_filter").then((script) =>
    script ? runFilter(request, script, timeoutMs) : 500,
  );
}

function answer(request: Request, use: Use, timeoutMs: number): Verdict | Promise<Verdict> {
  if (use.script) return answerBy(request, use.script, timeoutMs);
  return fileFor(request, use.path!, "content").then((script) => (script ? answerBy(request, script, timeoutMs) : 404));
}

function answerBy(request: Request, script: Script, timeoutMs: number): Verdict | Promise<Verdict> {
  const handler = script.handlerFor(request.method);
  if (!handler) {
    request.response.headers.set("Allow", script.allow);
    return 405;
  }
  const ngx = ngxOf(request, phaseInfo.content);
  ngx.route = script.route;
  const { input } = script;
  return runContent(ngx, input ? checked(input, handler) : handler, script, timeoutMs);
}

/** Calls the handler with arguments that its schema has found good, or answers with what is wrong with them. */
function checked(schema: StandardSchema, handler: Handler): Handler {
  return (async (ngx: RequestNgx) => {
    const result = await schema["~standard"].validate(await gatherInput(ngx));
    if (result.issues) return refusal(result.issues);
    return (handler as (ngx: RequestNgx, input: unknown) => unknown)(ngx, result.value);
  }) as Handler;
}

async function readFirst(request: Request, use: Use | undefined, timeoutMs: number): Promise<Verdict> {
  await request.body.bytes();
  return use ? run(request, use, "rewrite", timeoutMs) : DECLINED;
}
