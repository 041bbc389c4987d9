/**
 * The stages of a request, in the order they run.
 * `late_rewrite` is where rewrite_by_ts runs: after every directive of the rewrite module, as in lua-nginx-module.
 * @see nginx development guide, "Phases"
 */
export const phases = [
  "post_read",
  "server_rewrite",
  "rewrite",
  "late_rewrite",
  "preaccess",
  "access",
  "precontent",
  "content",
  "header_filter",
  "log",
] as const;

export type Phase = (typeof phases)[number];

/** What a hook answers: one of the constants below, or the status (200 to 599) the request is to end with. */
export type Verdict = number;

/** The phase is done; go on with the next one. */
export const OK = 0;
/** Not mine: ask the next hook. */
export const DECLINED = -5;
/** The hook has answered the client itself, or will; the engine has only to finish the request. */
export const DONE = -4;
/** The connection is beyond saving: close it without an answer. */
export const ERROR = -1;
/** nginx's own status: close the connection without answering. */
export const CLOSE = 444;
