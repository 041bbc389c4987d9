/** What nginx escapes in a redirect's path: what RFC 3986 allows nowhere in a URI, and "%", "#", "?". */
export function escapeUri(bytes: string): string {
  return bytes.replace(/[\0-\x20"#%<>?\\^`{|}\x7f-\xff]/g, percent);
}

/** As `escapeUri`, and what separates arguments. */
export function escapeArgs(bytes: string): string {
  return bytes.replace(/[\0-\x20"#%&+;<>?\\^`{|}\x7f-\xff]/g, percent);
}

/** Everything but what RFC 3986 leaves unreserved: for one segment of a path, or a query argument. */
export function escapeComponent(bytes: string): string {
  return bytes.replace(/[^A-Za-z0-9._~-]/g, percent);
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}

/** Decodes "%XX" in a byte string; what is no escape stays as it is. */
export function unescapeUri(bytes: string): string {
  return bytes.includes("%")
    ? bytes.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    : bytes;
}

/**
 * Decodes in a redirect's target what need not be escaped there: printable characters above "%", up to a "?". Controls
 * stay escaped, so that an argument cannot split the header.
 */
export function unescapeRedirect(target: string): string {
  const question = target.search(/\?|%3f/i);
  const end = question < 0 ? target.length : question;
  const path = target.slice(0, end).replace(/%([0-9A-Fa-f]{2})/g, (escape, hex: string) => {
    const code = Number.parseInt(hex, 16);
    return code > 0x25 && code < 0x7f ? String.fromCharCode(code) : escape;
  });
  const rest = target.slice(end);
  return path + (rest.startsWith("%") ? `?${rest.slice(3)}` : rest);
}
