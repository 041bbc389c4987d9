import { httpTime } from "../../std/clock.ts";
import { escapeJson, escapeMarkup } from "../../std/markup_escape.ts";
import type { Entry } from "./entries.ts";

/** A listing as JSON; times are HTTP's. */
export function jsonListing(entries: readonly Entry[]): string {
  const items = entries.map(({ name, kind, mtimeSeconds, sizeBytes }) => {
    const size = kind === "file" ? `, "size":${sizeBytes}` : "";
    return `\r\n{ "name":"${escapeJson(name)}", "type":"${kind}", "mtime":"${httpTime(mtimeSeconds)}"${size} }`;
  });
  return `[${items.join(",")}\r\n]`;
}

/** The same as a script that calls `callback` with it. */
export function jsonpListing(entries: readonly Entry[], callback: string): string {
  return `/* callback */\r\n${callback}(${jsonListing(entries)});`;
}

export function xmlListing(entries: readonly Entry[]): string {
  const items = entries.map(({ name, kind, mtimeSeconds, sizeBytes }) => {
    const time = `${new Date(mtimeSeconds * 1000).toISOString().slice(0, 19)}Z`;
    const size = kind === "file" ? ` size="${sizeBytes}"` : "";
    return `<${kind} mtime="${time}"${size}>${escapeMarkup(name)}</${kind}>\r\n`;
  });
  return `<?xml version="1.0"?>\r\n<list>\r\n${items.join("")}</list>\r\n`;
}
