import type { Request } from "../../core/request.ts";
import type { Getter } from "../../core/variable.ts";
import { secondsText } from "../core/variables.ts";
import { type Try, upstreamState } from "./state.ts";

/** Tries are joined by a comma, groups by a colon, as nginx prints them. */
function joined(format: (one: Try) => string): Getter {
  return (request) => {
    const groups = request.get(upstreamState)?.groups;
    return groups?.map((tries) => tries.map(format).join(", ")).join(" : ");
  };
}

const seconds = (ms: number | undefined): string => (ms === undefined ? "-" : secondsText(ms));

function headerValue(flat: readonly string[] | undefined, name: string): string | undefined {
  if (!flat) return undefined;
  const values: string[] = [];
  for (let i = 0; i < flat.length; i += 2) if (flat[i]!.toLowerCase() === name) values.push(flat[i + 1]!);
  return values.length === 0 ? undefined : values.join(", ");
}

function cookieValue(request: Request, name: string): string | undefined {
  const headers = request.get(upstreamState)?.headers ?? [];
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]!.toLowerCase() !== "set-cookie") continue;
    // Spaces only: to nginx a tab is part of a name.
    const match = /^ *([^=;]+?) *= *([^;]*?) *(?:;|$)/.exec(headers[i + 1]!);
    if (match && match[1] === name) return match[2];
  }
  return undefined;
}

export const upstreamVariables: Readonly<Record<string, Getter>> = {
  upstream_addr: joined(({ address }) => address),
  upstream_status: joined(({ status }) => (status === 0 ? "-" : String(status))),
  upstream_connect_time: joined(({ connectMs }) => seconds(connectMs)),
  upstream_header_time: joined(({ headerMs }) => seconds(headerMs)),
  upstream_response_time: joined(({ responseMs }) => seconds(responseMs)),
  upstream_response_length: joined(({ responseLength }) => String(responseLength)),
  upstream_bytes_sent: joined(({ bytesSent }) => String(bytesSent)),
  upstream_bytes_received: joined(({ bytesReceived }) => String(bytesReceived)),
};

export const upstreamPrefixes: Readonly<Record<string, (rest: string) => Getter>> = {
  upstream_http_: (rest) => {
    const name = rest.replaceAll("_", "-").toLowerCase();
    return (request) => headerValue(request.get(upstreamState)?.headers, name);
  },
  upstream_trailer_: (rest) => {
    const name = rest.replaceAll("_", "-").toLowerCase();
    return (request) => headerValue(request.get(upstreamState)?.trailers, name);
  },
  upstream_cookie_: (rest) => (request) => cookieValue(request, rest),
};
