import type { Request } from "../../core/request.ts";

const protocols: Readonly<Record<number, string>> = {
  9: "HTTP/0.9",
  10: "HTTP/1.0",
  11: "HTTP/1.1",
  20: "HTTP/2.0",
  30: "HTTP/3.0",
};

export const protocol = (request: Request): string => protocols[request.main.exchange.httpVersion] ?? "HTTP/1.1";

/** What `requestLine` joins. Only the target can hold what a log has to escape: a method and a version are tokens. */
export const requestLineParts: readonly (string | { get: (request: Request) => string; plain: boolean })[] = [
  { get: ({ main }) => main.exchange.method, plain: true },
  " ",
  { get: ({ main }) => main.target, plain: false },
  " ",
  { get: protocol, plain: true },
];

/** The request line as it came, `$request`. */
export function requestLine(request: Request): string {
  const { main } = request;
  return `${main.exchange.method} ${main.target} ${protocol(main)}`;
}
