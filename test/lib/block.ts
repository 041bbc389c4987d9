/** One behaviour a block: a configuration, requests, their answers, and what the logs say. */
import { expect, test } from "bun:test";
import type { Answer } from "./http.ts";
import { isNginx, matches, type Server, start, startFailing, type StartOptions } from "./server.ts";

type Text = string | RegExp;

export interface Step {
  /** The target, as it goes over the wire; or `head`, `post`, or `method` and `path`. */
  get?: string;
  head?: string;
  post?: string;
  method?: string;
  path?: string;
  headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Body of the request. */
  send?: string | Uint8Array;
  /** "1.0" for a request of that version. */
  version?: string;
  /** Bytes instead of a request; the answer is checked all the same. */
  raw?: string;
  /** NAME of `%port_NAME%`. */
  port?: string;

  status?: number;
  reason?: string;
  body?: Text;
  /** Values of headers in the answer; several ones of a name are joined by ", ". null: is not there. */
  headersOut?: Readonly<Record<string, Text | null>>;
  /** Anything more. */
  check?: (answer: Answer, server: Server) => void | Promise<void>;
}

export interface BlockOptions extends StartOptions {
  steps?: readonly Step[];
  /** Each has to be in the log in the end; those of `noErrorLog` not. */
  errorLog?: readonly Text[];
  noErrorLog?: readonly Text[];
  accessLog?: readonly Text[];
  /** The configuration has to be refused with these words. */
  refused?: readonly Text[];
  /** `false` leaves the test out where the server under test is nginx itself. */
  alsoNginx?: boolean;
}

export function block(name: string, options: BlockOptions): void {
  test.skipIf(isNginx && options.alsoNginx === false)(name, () => run(options), 30_000);
}

async function run(options: BlockOptions): Promise<void> {
  if (options.refused) {
    const { code, said, log } = await startFailing(options);
    expect(code).not.toBe(0);
    for (const pattern of options.refused) expectText(`${said}${log}exit code ${code}`, pattern);
    return;
  }
  await using server = await start(options);
  for (const step of options.steps ?? []) await take(server, step);
  for (const pattern of options.errorLog ?? []) await server.logged(pattern);
  for (const pattern of options.accessLog ?? []) await server.accessed(pattern);
  await server.stop();
  for (const pattern of options.noErrorLog ?? [])
    if (matches(server.errorLog(), pattern)) throw new Error(`error.log has ${pattern}:\n${server.errorLog()}`);
}

async function take(server: Server, step: Step): Promise<void> {
  const { headers, send, version } = step;
  const method = step.method ?? (step.head !== undefined ? "HEAD" : step.post !== undefined ? "POST" : "GET");
  const path = step.path ?? step.get ?? step.head ?? step.post ?? "/";
  using connection = await server.connect(step.port === undefined ? {} : { port: step.port });
  if (step.raw !== undefined) connection.write(step.raw);
  else
    connection.request({
      method,
      path,
      ...(headers ? { headers } : {}),
      ...(send !== undefined ? { body: send } : {}),
      ...(version ? { version } : {}),
    });
  const answer = await connection.answer(method);
  const found: Record<string, unknown> = {};
  const wanted: Record<string, unknown> = {};
  if (step.status !== undefined) [found.status, wanted.status] = [answer.status, step.status];
  if (step.reason !== undefined) [found.reason, wanted.reason] = [answer.reason, step.reason];
  if (step.body !== undefined) [found.body, wanted.body] = [answer.body, textual(step.body)];
  for (const [name, value] of Object.entries(step.headersOut ?? {}))
    [found[name], wanted[name]] = [answer.header(name) ?? null, value === null ? null : textual(value)];
  // The request and the log stand beside the difference: without them it says little.
  const request = step.raw ?? `${method} ${path}`;
  const log = () => server.errorLog().split("\n").slice(-6).join("\n");
  try {
    expect(found).toEqual(wanted);
    await step.check?.(answer, server);
  } catch (error) {
    (error as Error).message +=
      `\n\nrequest: ${request}\nbody: ${answer.body.slice(0, 300)}\nerror.log ends:\n${log()}`;
    throw error;
  }
}

function textual(pattern: Text): unknown {
  return typeof pattern === "string" ? pattern : expect.stringMatching(pattern);
}

function expectText(text: string, pattern: Text): void {
  if (typeof pattern === "string") expect(text).toContain(pattern);
  else expect(text).toMatch(pattern);
}
