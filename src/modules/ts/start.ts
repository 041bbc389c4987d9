import type { Cycle } from "../../core/cycle.ts";
import type { Level } from "../../core/level.ts";
import { calls } from "../../ngx/calls.ts";
import { type Generation, generationKey } from "../../ngx/generation.ts";
import { failuresOf, type LoadFailure } from "../../ngx/failure.ts";
import { keepLogs } from "../../ngx/errlog.ts";
import type { Script } from "../../ngx/script.ts";
import { WorkerNgx } from "../../ngx/worker_ngx.ts";
import { SharedDict } from "../../shm/dict.ts";
import { cycleZones } from "../../shm/zones.ts";
import { chooseCertificates } from "./certificates.ts";
import { ts } from "./ts.ts";

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
    for (const { script } of [conf.init, conf.init_worker].filter((use) => use !== undefined))
      if (script) await startBy(generation, script);
    await chooseCertificates(cycle, generation);
  });
  cycle.atRetire(() => generation.retire());
  cycle.atEnd(async () => {
    try {
      const { script } = ts.at(http).exit_worker ?? {};
      if (loaded && script) await callOnce(generation, script);
    } catch (error) {
      generation.failed("exit_worker_by_ts", error);
    }
    await generation.end();
  });
}

/** What `init_by_ts` and `init_worker_by_ts` throw refuses the configuration: this worker could not serve it. */
async function startBy(generation: Generation, script: Script): Promise<void> {
  try {
    await callOnce(generation, script);
  } catch (error) {
    const failures = failuresOf(error, script);
    throw new ScriptsFailed(
      failures.map(({ message, place }) => ({ message: `${script.label} failed: ${message}`, place })),
    );
  }
}

/** Calls a script of a phase that belongs to no request. */
export function callOnce(generation: Generation, script: Script, ...more: unknown[]): unknown {
  calls.enter(script.where);
  try {
    return generation.enter(script.handler as Call, new StartNgx(script), ...more);
  } finally {
    calls.leave();
  }
}

type Call = (ngx: WorkerNgx, ...more: unknown[]) => unknown;

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
