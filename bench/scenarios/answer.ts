import type { Answer } from "./scenario.ts";

const decoder = new TextDecoder();

/** An answer over kept bytes; text is made when it is asked for. */
export class KeptAnswer implements Answer {
  readonly status: number;
  readonly #head: Uint8Array;
  readonly bytes: Uint8Array;

  constructor(status: number, head: Uint8Array, body: Uint8Array) {
    this.status = status;
    this.#head = head;
    this.bytes = body;
  }

  header(name: string): string | undefined {
    const wanted = name.toLowerCase();
    for (const line of decoder.decode(this.#head).split("\r\n").slice(1)) {
      const colon = line.indexOf(":");
      if (colon > 0 && line.slice(0, colon).toLowerCase() === wanted) return line.slice(colon + 1).trim();
    }
    return undefined;
  }

  text(): string {
    return decoder.decode(this.bytes);
  }

  json<T = unknown>(): T {
    return JSON.parse(this.text()) as T;
  }
}
