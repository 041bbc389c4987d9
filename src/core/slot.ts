/** A place for one module's state in a request; `core/request.ts` never hears of what is in it. */
export interface RequestSlot<T> {
  readonly index: number;
  /** Forgotten when an internal redirect starts the request over, as nginx clears a module's context. */
  readonly perUri: boolean;
  readonly type?: T;
}

let slotsMade = 0;
export const perUriSlots: number[] = [];

export function requestSlot<T>(options: { perUri?: boolean } = {}): RequestSlot<T> {
  const index = slotsMade++;
  if (options.perUri) perUriSlots.push(index);
  return { index, perUri: options.perUri ?? false };
}
