import type { Arguments } from "../core/arguments.ts";
import type { ComplexValue } from "../core/complex.ts";
import { type Cycle, cycleKey } from "../core/cycle.ts";
import type { Place } from "../core/diagnostic.ts";
import type { Request } from "../core/request.ts";
import type { Zone as SharedZone } from "../shm/zone.ts";
import { zoneOf } from "../shm/zones.ts";
import { declareZone } from "./zones.ts";

/** A zone that counts by a key of the request. It may be used before the directive that declares it. */
export interface KeyedZone<Rule, Opened> {
  readonly name: string;
  /** Where it was first named. */
  readonly place: Place;
  /** What it is declared with; undefined as long as it is only used. */
  declared: { readonly key: ComplexValue; readonly rule: Rule } | undefined;
  /** Once a worker has opened it. */
  opened: Opened | undefined;
}

/**
 * The zones of `limit_req_zone`, `limit_conn_zone` and their like.
 * @typeParam Rule What the declaration says beside key and size.
 * @typeParam Opened What a worker counts with.
 */
export class KeyedZones<Rule, Opened> {
  readonly #directive: string;
  readonly #known;

  /**
   * @param kind The module: a zone belongs to one.
   * @param keyBytesMax Longer keys count as none, and are logged.
   */
  constructor(
    private readonly kind: string,
    private readonly keyBytesMax: number,
  ) {
    this.#directive = `${kind}_zone`;
    this.#known = cycleKey<Map<string, KeyedZone<Rule, Opened>>>(this.#directive, () => new Map());
  }

  /** The zone that the word at `index` names. */
  named(args: Arguments, index: number, name: string): KeyedZone<Rule, Opened> {
    const known = args.cycle.get(this.#known);
    let zone = known.get(name);
    if (!zone)
      known.set(name, (zone = { name, place: args.words[index]!.place, declared: undefined, opened: undefined }));
    return zone;
  }

  /** Reads the declaration's `zone=name:size` at `index`; its key is the first word. */
  declare(args: Arguments, index: number, key: ComplexValue, rule: Rule): void {
    const zone = this.named(args, index, declareZone(args, index, this.kind));
    if (zone.declared)
      throw args.wrong(0, `${this.#directive} "${zone.name}" is already bound to key "${zone.declared.key.source}"`);
    zone.declared = { key, rule };
  }

  /** Complains of zones that nothing declares; each worker opens the others before it serves. */
  prepare(cycle: Cycle, open: (zone: SharedZone, rule: Rule) => Opened): void {
    for (const zone of cycle.get(this.#known).values()) {
      const { name, declared, place } = zone;
      if (declared) cycle.atStart(() => void (zone.opened = open(zoneOf(cycle, name), declared.rule)));
      else
        cycle.diagnostics.error(
          `zero size shared memory zone "${name}"`,
          place,
          `a ${this.#directive} with zone=${name}:size`,
        );
    }
  }

  /** The key of a request; empty when it is not to be counted. */
  key(request: Request, { declared }: KeyedZone<Rule, Opened>): string {
    const { key } = declared!;
    const text = key.evaluate(request);
    if (text.length <= this.keyBytesMax) return text;
    request.log("error", `the value of the "${key.source}" key is more than ${this.keyBytesMax} bytes: "${text}"`);
    return "";
  }
}
