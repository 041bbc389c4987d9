import { declareZone } from "../../compile/zones.ts";
import type { Arguments } from "../../core/arguments.ts";
import { type Cycle, cycleKey } from "../../core/cycle.ts";
import type { Place } from "../../core/diagnostic.ts";
import { SharedDict } from "../../shm/dict.ts";
import { cycleZones, zoneOf } from "../../shm/zones.ts";
import type { SharedCount } from "./peer.ts";

/** Zones that are named, perhaps before or without the size that another place gives them. */
const named = cycleKey<{ readonly name: string; readonly place: Place }[]>("upstream zones", () => []);

/** `zone name [size]`. @returns the name */
export function readZone(args: Arguments): string {
  const { text, place } = args.words[0]!;
  args.cycle.get(named).push({ name: text, place });
  return args.has(1) ? declareZone(args, 1, "upstream", `${text}:${args.text(1)}`) : text;
}

export function checkSharedZones(cycle: Cycle): void {
  const { declared } = cycle.get(cycleZones);
  for (const { name, place } of cycle.get(named))
    if (declared.get(name)?.kind !== "upstream")
      cycle.diagnostics.error(
        `zero size shared memory zone "${name}"`,
        place,
        "zone name size, here or in another upstream",
      );
}

/**
 * Counts in a zone, by name, once the cycle has started. The names hold the master's number: what a server left behind
 * that did not end well is nobody's.
 */
export function sharedCounts(cycle: Cycle, zone: string): (name: string) => SharedCount {
  const dict = new SharedDict(zoneOf(cycle, zone));
  return (name) => {
    const key = `${process.ppid} ${name}`;
    return {
      get value() {
        const value = dict.get(key);
        return typeof value === "number" ? value : 0;
      },
      add: (delta) => void dict.incr(key, delta, 0),
    };
  };
}
