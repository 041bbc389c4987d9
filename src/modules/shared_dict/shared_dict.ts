import type { Arguments } from "../../core/arguments.ts";
import { cycleKey } from "../../core/cycle.ts";
import { defineModule, type DirectiveSpec, list } from "../../core/module.ts";
import { generationKey } from "../../ngx/generation.ts";
import { SharedDict } from "../../shm/dict.ts";
import { ZONE_BYTES_MAX, ZONE_BYTES_MIN } from "../../shm/layout.ts";
import { cycleZones } from "../../shm/zones.ts";
import { fsPath } from "../../std/bytestring.ts";
import { mainModule } from "../main/main.ts";

/** Where dictionaries are kept beyond the life of the server: absolute paths by name. */
export const persistedDicts = cycleKey<Map<string, string>>("persisted dictionaries", () => new Map());

const directive: DirectiveSpec<unknown> = list<undefined>({
  contexts: ["http"],
  args: [2, 3],
  syntax: "name size [persist=file]",
  read: readDict,
});

/** `shared_dict name size;`: a dictionary that all workers share, `ngx.shared.name`. */
export const sharedDict = defineModule({
  name: "shared_dict",
  directives: { shared_dict: directive, lua_shared_dict: directive },
  finish(cycle, main) {
    const zones = cycle.get(cycleZones);
    zones.scope = Bun.hash(`${cycle.prefix}\0${cycle.path(mainModule.at(main).pid)}`).toString(36);
    cycle.atStart(() => {
      for (const notice of zones.open()) cycle.log("notice", notice);
      const { shared } = cycle.get(generationKey);
      for (const { kind, name, zone } of zones.declared.values())
        if (kind === "dict") shared[name] = new SharedDict(zone!);
    });
    cycle.atEnd(() => zones.close());
  },
});

function readDict(args: Arguments): undefined {
  const name = args.text(0);
  if (!/^[A-Za-z0-9_.-]+$/.test(name))
    throw args.wrong(0, `invalid lua shared dict name "${name}"`, "letters, digits, _, - and .");
  const sizeBytes = args.offset(1);
  if (sizeBytes < ZONE_BYTES_MIN || sizeBytes > ZONE_BYTES_MAX)
    throw args.wrong(1, `invalid lua shared dict size "${args.text(1)}"`, "a size from 8k to 4g");
  const persist = args.named("persist", 2);
  if (args.has(2) && (!persist || persist.text === "")) throw args.invalidParameter(2, "persist=file");
  const known = args.cycle.get(cycleZones).declare({ name, sizeBytes, kind: "dict", place: args.words[0]!.place });
  if (known)
    throw args.wrong(0, `${args.name} "${name}" is already defined as "${known.kind} ${name}"`, "another name");
  if (persist) args.cycle.get(persistedDicts).set(name, fsPath(args.cycle.path(persist.text)));
  return undefined;
}
