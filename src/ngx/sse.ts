/** One server-sent event. @see https://html.spec.whatwg.org/multipage/server-sent-events.html */
export interface ServerEvent {
  readonly data: unknown;
  readonly event?: string;
  readonly id?: string;
  /** How long the client waits before it connects again. */
  readonly retryMs?: number;
}

const oneLine = (text: string, field: string): string => {
  if (/[\r\n\0]/.test(text)) throw new TypeError(`the ${field} of an event is one line`);
  return text;
};

/** An event as it goes on the wire; what is no text becomes JSON. */
export function encodeEvent(event: ServerEvent | string): string {
  if (typeof event === "string") return encodeEvent({ data: event });
  let text = "";
  if (event.event !== undefined) text += `event: ${oneLine(event.event, "name")}\n`;
  if (event.id !== undefined) text += `id: ${oneLine(event.id, "id")}\n`;
  if (event.retryMs !== undefined) text += `retry: ${Math.round(event.retryMs)}\n`;
  const data = typeof event.data === "string" ? event.data : (JSON.stringify(event.data) ?? "");
  for (const line of data.split(/\r\n|\r|\n/)) text += `data: ${line}\n`;
  return `${text}\n`;
}
