const names = [
  "init",
  "init_worker",
  "exit_worker",
  "ssl_certificate",
  "server_rewrite",
  "set",
  "rewrite",
  "access",
  "precontent",
  "content",
  "balancer",
  "header_filter",
  "body_filter",
  "log",
  "timer",
] as const;

/** The stages in which a script can run, as OpenResty's `ngx.get_phase` calls them. */
export type ScriptPhase = (typeof names)[number];

const answering: readonly ScriptPhase[] = ["server_rewrite", "rewrite", "access", "precontent", "content"];
const ofRequest: readonly ScriptPhase[] = [...answering, "set", "header_filter", "body_filter", "log"];
const changing: readonly ScriptPhase[] = [...answering, "set", "header_filter", "body_filter"];

/**
 * What may be called in which phase. What is not here may be called in all of them.
 * @see lua-nginx-module, the "context" line of each function
 */
const allowed = {
  "ngx.arg": ["set", "body_filter"],
  "ngx.ctx": [...ofRequest, "balancer", "init_worker", "exit_worker", "ssl_certificate"],
  "ngx.eof": answering,
  "ngx.exec": answering,
  "ngx.exit": [...answering, "header_filter", "balancer"],
  "ngx.flush": answering,
  "ngx.header": ofRequest,
  "ngx.location.capture": ["rewrite", "access", "precontent", "content"],
  "ngx.onAbort": answering,
  "ngx.print": answering,
  "ngx.redirect": answering,
  "ngx.req": [...ofRequest, "balancer"],
  "ngx.req.clearHeader": changing,
  "ngx.req.getBodyData": [...answering, "log"],
  "ngx.req.getPostArgs": [...answering, "header_filter", "body_filter", "log"],
  "ngx.req.readBody": answering,
  "ngx.req.setHeader": changing,
  "ngx.req.setMethod": [...answering, "header_filter"],
  "ngx.req.setUri": changing,
  "ngx.req.setUri with jump": ["server_rewrite", "rewrite"],
  "ngx.req.setUriArgs": changing,
  "ngx.resp": [...ofRequest, "balancer"],
  "ngx.say": answering,
  "ngx.sendHeaders": answering,
  "ngx.status": ofRequest,
  "ngx.timer": ["init_worker", "ssl_certificate", ...ofRequest, "balancer", "timer"],
  "ngx.var": [...ofRequest, "balancer"],
  "ngx.websocket": ["content"],
} as const satisfies Record<string, readonly ScriptPhase[]>;

export type Restricted = keyof typeof allowed;

/** A phase with its place in the masks below. */
export interface PhaseInfo {
  readonly name: ScriptPhase;
  readonly bit: number;
}

export const phaseInfo = Object.fromEntries(names.map((name, i) => [name, { name, bit: 1 << i }])) as Readonly<
  Record<ScriptPhase, PhaseInfo>
>;

const masks = Object.fromEntries(
  Object.entries(allowed).map(([name, phases]) => [
    name,
    phases.reduce((mask, phase) => mask | phaseInfo[phase].bit, 0),
  ]),
) as Readonly<Record<Restricted, number>>;

/** @throws Error that names both, when `what` cannot be used in `phase`. */
export function mayUse(what: Restricted, phase: PhaseInfo): void {
  if ((masks[what] & phase.bit) === 0) refuse(what, phase.name);
}

/** @throws Error that says so, for a property of `ngx` that only requests have. */
export function refuse(what: Restricted, phase: ScriptPhase | "outside"): never {
  const where = phase === "outside" || phase === "timer" ? "outside a request, or after it" : `in the ${phase} phase`;
  throw new Error(`${what} cannot be used ${where}; it can in ${allowed[what].join(", ")}`);
}
