import type { Request } from "../../core/request.ts";

const protocols: Readonly<Record<number, string>> = {
  9: "HTTP/0.9",
  10: "HTTP/1.0",
  11: "HTTP/1.1",
  20: "HTTP/2.0",
  30: "HTTP/3.0",
};

export const protocol = (request: Request): string => protocols[request.main.exchange.httpVersion] ?? "HTTP/1.1";

/** The request line as it came, `$request`. */
export function requestLine(request: Request): string {
  const { main } = request;
  return `${main.exchange.method} ${main.target} ${protocol(main)}`;
}
