/** What nginx escapes in a redirect's path (spaces, controls, "%", "#", "?" and bytes beyond ASCII). */
export function escapeUri(bytes: string): string {
  return bytes.replace(/[\0-\x20"#%?\x7f-\xff]/g, percent);
}

/** As `escapeUri`, and what separates arguments. */
export function escapeArgs(bytes: string): string {
  return bytes.replace(/[\0-\x20"#%&+?\x7f-\xff]/g, percent);
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
