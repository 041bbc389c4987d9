import type { Arguments } from "../core/arguments.ts";
import { cycleZones } from "../shm/zones.ts";
import { parseSize } from "../std/units.ts";

/** nginx's own bound: eight pages. */
const sizeBytesMin = 8 * 4096;

/**
 * Reads `zone=name:size` at `index` and declares that zone for `kind`.
 * @param spelled `name:size`, where it is written in another way
 * @returns its name
 */
export function declareZone(args: Arguments, index: number, kind: string, spelled?: string): string {
  const { place } = args.words[index]!;
  const text = spelled === undefined ? args.text(index) : `zone=${spelled}`;
  const [, name, sizeText] = /^(?:keys_)?zone=([^:]*):(.*)$/s.exec(text) ?? [];
  const sizeBytes = parseSize(sizeText ?? "");
  if (!name || sizeBytes === undefined)
    throw args.wrong(index, `invalid zone size "${text}"`, "zone=name:size, such as zone=one:10m");
  if (sizeBytes < sizeBytesMin) throw args.wrong(index, `zone "${text}" is too small`, "32k or more");
  const known = args.cycle.get(cycleZones).declare({ name, sizeBytes, kind, place });
  if (known && known.kind !== kind)
    throw args.wrong(index, `the shared memory zone "${name}" is already declared for a different use`);
  if (known && known.sizeBytes !== sizeBytes)
    throw args.wrong(
      index,
      `the size ${sizeBytes} of shared memory zone "${name}" conflicts with already declared size ${known.sizeBytes}`,
    );
  return name;
}
