import type { Cycle } from "../../core/cycle.ts";
import type { Level } from "../../core/level.ts";
import { type Generation, generationKey } from "../../ngx/generation.ts";
import type { LoadFailure } from "../../ngx/failure.ts";
import { keepLogs } from "../../ngx/errlog.ts";
import type { Script } from "../../ngx/script.ts";
import { WorkerNgx } from "../../ngx/worker_ngx.ts";
import { SharedDict } from "../../shm/dict.ts";
import { cycleZones } from "../../shm/zones.ts";
import { type Use, ts } from "./ts.ts";

/** What workers tell each other for `ngx.worker.pids` and `ngx.timer.once`. */
const internalZone = "resty workers";

/** A generation whose scripts cannot be loaded does not serve; the message has every error with its place. */
export class ScriptsFailed extends Error {
  override readonly name = "ScriptsFailed";

  constructor(readonly failures: readonly LoadFailure[]) {
    super(failures.map(({ message, place }) => `${message} in ${place.file}:${place.line}:${place.column}`).join("\n"));
  }
}

/** Has scripts loaded before the first request, and what they opened closed after the last one. */
export function startGeneration(cycle: Cycle, main: Level): void {
  const http = main.children.find(({ context }) => context === "http");
  if (!http) return;
  const generation = cycle.get(generationKey);
  const zones = cycle.get(cycleZones);
  if (generation.scripts.length > 0)
    zones.declare({ name: internalZone, sizeBytes: 64 * 1024, kind: "internal", place: http.directive!.place });
  let loaded = false;
  cycle.atStart(async () => {
    const conf = ts.at(http);
    generation.log = cycle.log;
    generation.prefix = cycle.prefix;
    generation.timers.maxPending = conf.lua_max_pending_timers;
    generation.timers.maxRunning = conf.lua_max_running_timers;
    keepLogs(conf.lua_capture_error_log);
    const { zone } = zones.declared.get(internalZone) ?? {};
    if (zone) generation.useInternal(new SharedDict(zone));
    const failures = await generation.load();
    if (failures.length > 0) throw new ScriptsFailed(failures);
    loaded = true;
    await callAll(generation, [conf.init, conf.init_worker]);
  });
  cycle.atRetire(() => generation.retire());
  cycle.atEnd(async () => {
    try {
      if (loaded) await callAll(generation, [ts.at(http).exit_worker]);
    } catch (error) {
      generation.failed("exit_worker_by_ts", error);
    }
    await generation.end();
  });
}

async function callAll(generation: Generation, uses: readonly (Use | undefined)[]): Promise<void> {
  for (const use of uses) if (use?.script) await generation.enter(use.script.handler as Call, new StartNgx(use.script));
}

type Call = (ngx: WorkerNgx) => unknown;

/** The `ngx` of phases that belong to no request. */
class StartNgx extends WorkerNgx {
  readonly ctx: Record<string, unknown> = {};

  constructor(private readonly script: Script) {
    super();
  }

  getPhase(): string {
    return this.script.phase;
  }
}
