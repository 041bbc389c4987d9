import type { Address } from "../../clients/connection.ts";

/** `HOST`, `HOST:PORT`, `[IPV6]:PORT`, `unix:PATH`; undefined for anything else. */
export function parseAddress(text: string, defaultPort: number): Address | undefined {
  if (text.startsWith("unix:")) {
    const path = text.slice(5).replace(/:$/, "");
    return path === "" ? undefined : { host: path, port: 0, unix: true };
  }
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:/?#\s[\]]+))(?::(\d{1,5}))?$/.exec(text);
  if (!match) return undefined;
  const port = match[3] === undefined ? defaultPort : Number(match[3]);
  if (port < 1 || port > 65_535) return undefined;
  return { host: (match[1] ?? match[2])!, port, unix: false };
}
