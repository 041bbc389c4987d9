import type { Arguments } from "../../core/arguments.ts";
import type { ComplexValue } from "../../core/complex.ts";
import type { Cycle } from "../../core/cycle.ts";
import { cycleKey } from "../../core/cycle.ts";
import type { Place } from "../../core/diagnostic.ts";
import { declareZone } from "../../compile/zones.ts";
import { fsPath } from "../../std/bytestring.ts";
import { parseOffset, parseTimeMs } from "../../std/units.ts";
import { Storage } from "./storage.ts";

/** One `…_cache_valid`. */
export interface Valid {
  readonly statuses: "any" | readonly number[];
  readonly seconds: number;
}

/** Every `…_cache_path` of a cycle by the name of its zone. */
export const storages = cycleKey<Map<string, Storage>>("caches", () => new Map());

/** Zones that something caches in, to be checked once all is read. */
const uses = cycleKey<{ readonly name: string; readonly place: Place; readonly directive: string }[]>(
  "cache uses",
  () => [],
);

/** A `…_cache` whose zone is settled when requests come: the path may be declared below it. */
export interface ZoneChoice {
  readonly name: ComplexValue;
  readonly cycle: Cycle;
}

export function readZone(args: Arguments): ZoneChoice | undefined {
  const name = args.complex(0);
  if (name.constant !== undefined && name.constant !== "off")
    args.cycle.get(uses).push({ name: name.constant, place: args.words[0]!.place, directive: args.name });
  return { name, cycle: args.cycle };
}

export function checkZones(cycle: Cycle): void {
  const known = cycle.get(storages);
  for (const { name, place, directive } of cycle.get(uses))
    if (!known.has(name))
      cycle.diagnostics.error(
        `"${directive}" zone "${name}" is unknown`,
        place,
        `a ${directive}_path with keys_zone=${name}:size`,
      );
}

/** `200 302 10m`, `any 1m`, or a time alone, which is for 200, 301 and 302. */
export function readValid(args: Arguments): Valid {
  const last = args.count - 1;
  const seconds = args.timeSeconds(last);
  if (last === 0) return { statuses: [200, 301, 302], seconds };
  const statuses: number[] = [];
  for (let i = 0; i < last; i++) {
    if (args.text(i) === "any") return { statuses: "any", seconds };
    const status = args.integer(i);
    if (status < 100 || status > 599)
      throw args.wrong(i, `invalid status "${args.text(i)}"`, "a status from 100 to 599, or any");
    statuses.push(status);
  }
  return { statuses, seconds };
}

/** Accepted because the directory is looked through in one pass by one worker, which needs no pacing. */
const without = /^(?:manager_files|manager_sleep|manager_threshold|loader_files|loader_sleep|loader_threshold)=\S+$/;

/** `path levels=1:2 keys_zone=name:size …`. */
export function readPath(args: Arguments, kind: string): undefined {
  const folder = fsPath(args.cycle.path(args.text(0))).replace(/\/+$/, "");
  let zone: string | undefined;
  let levels: number[] = [];
  let inactiveMs = 600_000;
  let maxBytes = Number.POSITIVE_INFINITY;
  let minFreeBytes = 0;
  let useTempPath = true;
  for (let i = 1; i < args.count; i++) {
    const text = args.text(i);
    const setting = text.slice(text.indexOf("=") + 1);
    if (text.startsWith("levels=")) levels = readLevels(args, i, setting);
    else if (text.startsWith("keys_zone=")) zone = readKeysZone(args, i, kind);
    else if (text.startsWith("inactive="))
      inactiveMs = known(args, i, parseTimeMs(setting), `invalid inactive value "${text}"`);
    else if (text.startsWith("max_size="))
      maxBytes = known(args, i, parseOffset(setting), `invalid max_size value "${text}"`);
    else if (text.startsWith("min_free="))
      minFreeBytes = known(args, i, parseOffset(setting), `invalid min_free value "${text}"`);
    else if (text === "use_temp_path=on") useTempPath = true;
    else if (text === "use_temp_path=off") useTempPath = false;
    else if (!without.test(text))
      throw args.invalidParameter(i, "levels=, keys_zone=, inactive=, max_size=, min_free= or use_temp_path=");
  }
  if (zone === undefined) throw args.wrong(0, `"${args.name}" must have "keys_zone" parameter`, "keys_zone=name:size");
  const all = args.cycle.get(storages);
  if (all.has(zone)) throw args.wrong(0, `duplicate zone "${zone}"`, "another name");
  all.set(zone, new Storage({ name: zone, folder, levels, inactiveMs, maxBytes, minFreeBytes, useTempPath }));
  return undefined;
}

function known<T>(args: Arguments, index: number, value: T | undefined, message: string): T {
  if (value === undefined) throw args.wrong(index, message);
  return value;
}

function readLevels(args: Arguments, index: number, text: string): number[] {
  if (!/^[12](?::[12]){0,2}$/.test(text))
    throw args.wrong(index, `invalid "levels" "levels=${text}"`, "one to three of 1 or 2, as 1:2");
  return text.split(":").map(Number);
}

function readKeysZone(args: Arguments, index: number, kind: string): string {
  const word = args.words[index]!;
  const [, name, size] = /^keys_zone=([^:]*):(.*)$/.exec(word.text) ?? [];
  if (!name || !size) throw args.wrong(index, `invalid keys zone size "${word.text}"`, "keys_zone=name:size");
  return declareZone(args, index, kind);
}
