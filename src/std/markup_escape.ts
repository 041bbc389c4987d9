const entities: Readonly<Record<string, string>> = { "<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;" };

/** What must not stand in HTML or XML text or in a quoted attribute. */
export function escapeMarkup(text: string): string {
  return /[<>&"]/.test(text) ? text.replace(/[<>&"]/g, (character) => entities[character]!) : text;
}

const short: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\b": "\\b",
  "\f": "\\f",
};

/** What must not stand between the quotes of a JSON string; bytes beyond ASCII stay as they are. */
export function escapeJson(bytes: string): string {
  return bytes.replace(
    /["\\\0-\x1f]/g,
    (character) => short[character] ?? `\\u00${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}
