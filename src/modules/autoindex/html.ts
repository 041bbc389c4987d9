import { decodeUtf8, encodeUtf8 } from "../../std/bytestring.ts";
import { escapeMarkup } from "../../std/markup_escape.ts";
import { escapeComponent } from "../../std/uri_escape.ts";
import type { Entry } from "./entries.ts";

export interface HtmlOptions {
  readonly exactSize: boolean;
  /** Show modification times in the server's time zone. */
  readonly localTime: boolean;
  /** The page is UTF-8: columns count characters, not bytes. */
  readonly utf8: boolean;
}

/** Columns of a name; a longer one is cut. */
const nameColumns = 50;

/** nginx's listing, byte for byte: tools scrape it. */
export function htmlListing(uri: string, entries: readonly Entry[], options: HtmlOptions): string {
  const title = `Index of ${escapeMarkup(uri)}`;
  let page =
    `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<h1>${title}</h1>` +
    `<hr><pre><a href="../">../</a>\r\n`;
  for (const entry of entries) page += line(entry, options);
  return `${page}</pre><hr></body>\r\n</html>\r\n`;
}

function line(entry: Entry, options: HtmlOptions): string {
  const slash = entry.kind === "directory" ? "/" : "";
  const name = `<a href="${escapeComponent(entry.name)}${slash}">${label(entry.name, slash, options.utf8)}`;
  return `${name} ${timeText(entry.mtimeSeconds, options.localTime)} ${sizeText(entry, options.exactSize)}\r\n`;
}

/** The name in its column, with the end of its link. */
function label(name: string, slash: string, utf8: boolean): string {
  const characters = utf8 ? [...decodeUtf8(name)] : name;
  if (characters.length > nameColumns) {
    const kept =
      typeof characters === "string"
        ? name.slice(0, nameColumns - 3)
        : encodeUtf8(characters.slice(0, nameColumns - 3).join(""));
    return `${escapeMarkup(kept)}..&gt;</a>`;
  }
  const ending = characters.length < nameColumns ? slash : "";
  return `${escapeMarkup(name)}${ending}</a>${" ".repeat(nameColumns - characters.length - ending.length)}`;
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const two = (value: number): string => String(value).padStart(2, "0");

function timeText(seconds: number, local: boolean): string {
  // The offset of now, as nginx has it, also for times on the other side of a clock change.
  const offsetMinutes = local ? -new Date().getTimezoneOffset() : 0;
  const date = new Date((seconds + offsetMinutes * 60) * 1000);
  const day = `${two(date.getUTCDate())}-${months[date.getUTCMonth()]}-${date.getUTCFullYear()}`;
  return `${day} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
}

function sizeText({ kind, sizeBytes }: Entry, exact: boolean): string {
  if (kind === "directory") return "-".padStart(exact ? 19 : 7);
  if (exact) return String(sizeBytes).padStart(19);
  const units = [
    [1024 ** 3, "G", 1024 ** 3],
    [1024 ** 2, "M", 1024 ** 2],
    [1024, "K", 10_000],
  ] as const;
  for (const [unit, letter, from] of units) {
    if (sizeBytes < from) continue;
    const rounded = Math.floor(sizeBytes / unit) + (sizeBytes % unit >= unit / 2 ? 1 : 0);
    return `${String(rounded).padStart(6)}${letter}`;
  }
  return String(sizeBytes).padStart(7);
}
