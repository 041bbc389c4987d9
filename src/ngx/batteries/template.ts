/** Markup that is not to be escaped again. */
export class Html {
  constructor(readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character]!);
}

/**
 * A template whose values are escaped: html`<p>${name}</p>`. Arrays are joined; null, undefined and false are left
 * out; what `html` or `raw` made goes in as it is.
 */
export function html(parts: TemplateStringsArray, ...values: unknown[]): Html {
  let text = parts[0]!;
  for (const [i, value] of values.entries()) text += rendered(value) + parts[i + 1]!;
  return new Html(text);
}

function rendered(value: unknown): string {
  if (value === null || value === undefined || value === false || value === true) return "";
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return value.map(rendered).join("");
  return escapeHtml(String(value));
}

/** Markup from a source that is trusted. */
export function raw(markup: string): Html {
  return new Html(markup);
}
