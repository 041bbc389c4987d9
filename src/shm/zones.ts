import { join } from "node:path";
import { type Cycle, cycleKey } from "../core/cycle.ts";
import type { Place } from "../core/diagnostic.ts";
import type { FileOwner } from "./file.ts";
import { openZone, type Zone, zoneDirectory } from "./zone.ts";

/** Shared memory that a configuration asks for. */
export interface ZoneDeclaration {
  readonly name: string;
  readonly sizeBytes: number;
  /** The directive that declares it: a zone belongs to one kind of user. */
  readonly kind: string;
  readonly place: Place;
  /** Once it is open. */
  zone?: Zone;
}

/** The zones of one cycle by name. */
export class CycleZones {
  readonly declared = new Map<string, ZoneDeclaration>();
  /** Tells the files of this server from those of another one on the machine. */
  scope = "";

  /** @returns the declaration that has the name already, if there is one. */
  declare(declaration: ZoneDeclaration): ZoneDeclaration | undefined {
    const known = this.declared.get(declaration.name);
    if (!known) this.declared.set(declaration.name, declaration);
    return known;
  }

  /**
   * Opens all of them, or makes them.
   * @param owner Who shall own files that are made.
   * @returns What there is to say of them.
   */
  open(owner?: FileOwner): string[] {
    const notices: string[] = [];
    let bytesNeeded = 0;
    for (const { sizeBytes } of this.declared.values()) bytesNeeded += sizeBytes;
    for (const declaration of this.declared.values()) {
      const path = this.pathOf(declaration, bytesNeeded);
      const { name, sizeBytes } = declaration;
      declaration.zone = openZone({ name, path, sizeBytes, ...(owner ? { owner } : {}) });
      notices.push(...declaration.zone.notices);
    }
    return notices;
  }

  pathOf({ name, kind }: ZoneDeclaration, bytesNeeded = 0): string {
    const safe = name.replace(/[^A-Za-z0-9_-]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
    return join(zoneDirectory(bytesNeeded), `resty-${this.scope}-${kind}-${safe}`);
  }

  close(): void {
    for (const declaration of this.declared.values()) {
      declaration.zone?.close();
      delete declaration.zone;
    }
  }
}

export const cycleZones = cycleKey<CycleZones>("zones", () => new CycleZones());

/** The zone of that name, once the cycle has started. */
export function zoneOf(cycle: Cycle, name: string): Zone {
  const zone = cycle.get(cycleZones).declared.get(name)?.zone;
  if (!zone) throw new Error(`the shared memory zone "${name}" is not open`);
  return zone;
}
