/** The worker processes: one for each slot, replaced when it dies, told about each new generation. */
import { callsOf } from "./calls.ts";
import type { Log, MasterSettings } from "./contract.ts";
import type { Listeners } from "./listeners.ts";
import { signalNumber } from "./signals.ts";
import type { Spares } from "./spares.ts";
import { type Answer, type Exit, type Generation, WorkerProcess } from "./spawn.ts";

/** A worker that ends sooner than this after its start counts as one that does not come up. */
const shortLifeMs = 1000;
const backoffFirstMs = 100;
const backoffMaxMs = 5000;
/** How many workers of a new slot may die before the slot counts as one that does not come up. */
const attemptsAtStart = 3;
/** From "terminate" to SIGKILL, as in nginx. */
const killAfterMs = 1000;
/** Pings that may go unanswered within `workerStallTimeoutMs`. */
const pingsPerTimeout = 4;

/** A place for a worker. Its number stays when the process in it is replaced. */
interface Slot {
  index: number;
  worker: WorkerProcess | undefined;
  /** Workers in a row that did not come up. */
  failures: number;
  /** False: its worker leaves, and nobody comes after it. */
  wanted: boolean;
  /** Ends the pause before the next worker. */
  wake: () => void;
  /** Resolves when nothing lives in it any more. */
  done: Promise<void>;
  /** It has been told whether the first worker came up. Only then are further attempts made for ever. */
  settled: boolean;
  /** Resolves when a worker serves, or when several came to nothing. */
  first: PromiseWithResolvers<Answer>;
}

export interface PoolOptions {
  workerArgv(): string[];
  /** Workers that wait to be taken. */
  spares?: Spares | undefined;
  log: Log;
  listeners: Listeners;
}

export class Pool {
  /** Slots that serve or will; those that leave are only in `#leaving`. */
  #slots: Slot[] = [];
  readonly #leaving = new Set<Slot>();
  /** Slots whose successors are coming up. */
  #retiring: Slot[] = [];
  /** Counts calls of `quit` and `terminate`, for a reload that one of them overtakes. */
  #stops = 0;
  #current: Generation | undefined;
  #changes = Promise.resolve();
  #watchdog: Timer | undefined;

  constructor(private readonly options: PoolOptions) {}

  /**
   * Fills all slots with workers of the first generation.
   * @returns Why it cannot be served, or undefined when every worker serves it.
   */
  async start(generation: Generation): Promise<string | undefined> {
    this.#current = generation;
    this.options.log("notice", "start worker processes");
    this.#slots = Array.from({ length: generation.settings.workerProcesses }, (_, index) => this.#open(index));
    const answers = await Promise.all(this.#slots.map((slot) => slot.first.promise));
    this.#watch(generation.settings);
    return reason(answers);
  }

  /**
   * Has every worker compile `next`, and serve it only if all of them can.
   * @returns Why not; then all go on as before.
   */
  reload(next: Generation): Promise<string | undefined> {
    return this.#exclusively(() => this.#reload(next));
  }

  async #reload(next: Generation): Promise<string | undefined> {
    const stops = this.#stops;
    const serving = this.#slots.flatMap(({ worker }) => (worker?.serving ? [worker] : []));
    const alive = await Promise.all(serving.map((worker) => worker.isAlive()));
    // One that stands still cannot say whether the generation is good, and must not keep the others from it.
    const stuck = serving.filter((worker, at) => !alive[at] && worker.serving);
    const asked = serving.filter((_worker, at) => alive[at]);
    const answers = await Promise.all(asked.map((worker) => worker.prepare(next, this.options.listeners)));
    const refusal = this.#stops === stops ? reason(answers, asked) : "workers were stopped during the reload";
    if (refusal !== undefined) {
      for (const [at, answer] of answers.entries()) {
        if (answer.outcome === "failed" && answer.stuck) asked[at]!.kill();
        else asked[at]!.send({ type: "discard", number: next.number });
      }
      return refusal;
    }
    this.#current = next; // workers that are just coming up find it when they have
    for (const worker of stuck) {
      this.options.log("alert", `worker process ${worker.pid} does not answer and is replaced${callsOf(worker.slot)}`);
      worker.kill();
    }
    await Promise.all(asked.map((worker) => this.#activate(worker, next)));
    if (this.#stops !== stops) return undefined;
    await this.#resize(next.settings.workerProcesses);
    this.#watch(next.settings);
    return undefined;
  }

  /**
   * Replaces every process by one of generation `next`: for what a living process cannot change. Old ones leave when
   * all new ones serve.
   * @returns Why the new ones do not come up; then the old ones stay.
   */
  replace(next: Generation): Promise<string | undefined> {
    return this.#exclusively(() => this.#replace(next));
  }

  async #replace(next: Generation): Promise<string | undefined> {
    const stops = this.#stops;
    const current = this.#current;
    this.#retiring = this.#slots;
    this.#current = next;
    this.#slots = Array.from({ length: next.settings.workerProcesses }, (_, index) => this.#open(index));
    const refusal = reason(await Promise.all(this.#slots.map((slot) => slot.first.promise)));
    if (this.#stops !== stops) return refusal;
    const former = this.#retiring;
    this.#retiring = [];
    if (refusal === undefined) {
      this.#retire(former, this.#slots.length);
    } else {
      for (const slot of this.#slots) this.#leave(slot, 0, true);
      this.#slots = former;
      this.#current = current;
      // One that died and came up again meanwhile has the generation that is not to be.
      for (const { worker } of former) if (worker?.generation === next) worker.kill();
    }
    this.#watch(this.#current!.settings);
    return refusal;
  }

  /** Replaces one worker, which goes on until its successor serves. */
  async #renew(worker: WorkerProcess): Promise<void> {
    const old = this.#slots.find((slot) => slot.worker === worker && worker.serving);
    if (old === undefined) return;
    this.options.log("notice", `worker process ${worker.pid} asked to be replaced`);
    const stops = this.#stops;
    const slot = this.#open(old.index);
    this.#slots[old.index] = slot;
    this.#retiring = [old];
    const answer = await slot.first.promise;
    if (this.#stops !== stops) return;
    this.#retiring = [];
    const cameUp = answer.outcome === "done";
    if (!cameUp) this.#slots[old.index] = old;
    this.#leave(cameUp ? old : slot, this.#current!.settings.shutdownTimeoutMs, !cameUp);
  }

  /** Changes of who serves come one after the other. */
  #exclusively<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#changes.then(change);
    this.#changes = done.then(
      () => {},
      () => {},
    );
    return done;
  }

  /** Has all workers finish what is in work and exit; resolves when they have. */
  async quit(): Promise<void> {
    this.#stops++;
    clearInterval(this.#watchdog);
    const timeoutMs = this.#current?.settings.shutdownTimeoutMs ?? 0;
    for (const slot of this.#takeAll()) this.#leave(slot, timeoutMs, false);
    await this.#allGone();
  }

  /** Has all workers exit at once, those included that are still leaving; resolves when they have. */
  async terminate(): Promise<void> {
    this.#stops++;
    clearInterval(this.#watchdog);
    for (const slot of this.#takeAll()) this.#leave(slot, 0, true);
    for (const slot of this.#leaving) this.#terminate(slot);
    await this.#allGone();
  }

  reopen(): void {
    for (const { worker } of [...this.#slots, ...this.#retiring, ...this.#leaving]) worker?.send({ type: "reopen" });
  }

  #takeAll(): Slot[] {
    const all = [...this.#slots, ...this.#retiring];
    this.#slots = [];
    this.#retiring = [];
    return all;
  }

  async #allGone(): Promise<void> {
    while (this.#leaving.size > 0) await Promise.all([...this.#leaving].map((slot) => slot.done));
  }

  #open(index: number): Slot {
    const slot: Slot = {
      index,
      worker: undefined,
      failures: 0,
      wanted: true,
      wake() {},
      done: Promise.resolve(),
      settled: false,
      first: Promise.withResolvers<Answer>(),
    };
    slot.done = this.#keepFilled(slot);
    return slot;
  }

  /** One worker after the other, as long as the slot is wanted. */
  async #keepFilled(slot: Slot): Promise<void> {
    const { listeners, log } = this.options;
    while (slot.wanted) {
      const bornAt = performance.now();
      const raised = await this.#raise(slot);
      if (raised.outcome === "done") {
        this.#settle(slot, raised);
        if (slot.wanted) listeners.setServed(slot.index, true);
      } else if (raised.outcome === "failed") {
        slot.worker?.send({ type: "terminate" });
        this.#killLater(slot.worker);
      }
      const exit = await slot.worker?.exited;
      if (slot.worker && exit) this.#logExit(slot.worker, exit);
      slot.worker = undefined;
      if (!slot.wanted) break;
      // Unless the slot's former worker is still there, whom this one was to succeed.
      if (this.#retiring.length === 0) listeners.setServed(slot.index, false);
      const cameUp = raised.outcome === "done" && performance.now() - bornAt >= shortLifeMs;
      slot.failures = cameUp ? 0 : slot.failures + 1;
      // A worker that says why it cannot serve would say it again; one that just died may have been unlucky.
      const hopeless = raised.outcome === "failed" || slot.failures >= attemptsAtStart;
      if (!slot.settled && hopeless) {
        const died = `worker processes do not come up: the last of ${slot.failures} ${describeExit(exit)}`;
        this.#settle(slot, raised.outcome === "failed" ? raised : { outcome: "failed", text: died });
      } else if (raised.outcome === "failed") {
        log("emerg", raised.text);
      }
      await this.#pause(slot);
    }
    this.#settle(slot, { outcome: "exited" });
  }

  #settle(slot: Slot, answer: Answer): void {
    slot.settled = true;
    slot.first.resolve(answer);
  }

  /** Starts a process and brings it to the current generation, which may change meanwhile. */
  async #raise(slot: Slot): Promise<Answer> {
    const { listeners, log, workerArgv, spares } = this.options;
    try {
      const { env } = this.#current!.settings;
      slot.worker = spares?.take(env) ?? new WorkerProcess(workerArgv(), env);
    } catch (error) {
      return { outcome: "failed", text: `spawn of a worker process failed (${(error as Error).message})` };
    }
    const { worker } = slot;
    log("notice", `start worker process ${worker.pid}`);
    let answer = await worker.start(slot.index, this.#current!.settings, {
      log,
      renew: () => void this.#exclusively(() => this.#renew(worker)),
    });
    for (let brought: Generation | undefined; answer.outcome === "done" && brought !== this.#current;) {
      brought = this.#current!;
      answer = await worker.prepare(brought, listeners);
      if (answer.outcome === "done") answer = await worker.activate(brought);
    }
    worker.serving = answer.outcome === "done" && slot.wanted;
    return answer;
  }

  /** A worker that prepared a generation and cannot switch to it is of no use any more. */
  async #activate(worker: WorkerProcess, generation: Generation): Promise<void> {
    const answer = await worker.activate(generation);
    if (answer.outcome !== "failed") return;
    this.options.log("alert", `worker process ${worker.pid} is replaced: ${answer.text}`);
    worker.kill();
  }

  /** Grows to, or shrinks to, `count` slots. */
  async #resize(count: number): Promise<void> {
    const grown: Slot[] = [];
    while (this.#slots.length < count) {
      const slot = this.#open(this.#slots.length);
      this.#slots.push(slot);
      grown.push(slot);
    }
    await Promise.all(grown.map((slot) => slot.first.promise));
    if (this.#slots.length === count) return;
    this.#retire(this.#slots.splice(count), count);
  }

  /** Has slots leave of which only the first `count` numbers are in use any more. */
  #retire(slots: Slot[], count: number): void {
    const { listeners } = this.options;
    listeners.limit(count);
    for (const slot of slots) this.#leave(slot, this.#current!.settings.shutdownTimeoutMs, false);
    void Promise.all(slots.map((slot) => slot.done)).then(() => {
      if (this.#slots.length === count) listeners.shrink(count);
    });
  }

  #leave(slot: Slot, timeoutMs: number, atOnce: boolean): void {
    slot.wanted = false;
    this.#leaving.add(slot);
    void slot.done.then(() => this.#leaving.delete(slot));
    slot.wake();
    const { worker } = slot;
    if (worker === undefined) return;
    if (atOnce || !worker.serving) return this.#terminate(slot);
    worker.serving = false;
    worker.send({ type: "quit", timeoutMs });
    if (timeoutMs > 0) {
      const timer = setTimeout(() => this.#terminate(slot), timeoutMs);
      void worker.exited.then(() => clearTimeout(timer));
    }
  }

  #terminate({ worker }: Slot): void {
    worker?.send({ type: "terminate" });
    this.#killLater(worker);
  }

  #killLater(worker: WorkerProcess | undefined): void {
    if (worker === undefined) return;
    const timer = setTimeout(() => worker.kill(), killAfterMs);
    void worker.exited.then(() => clearTimeout(timer));
  }

  /** The first worker that dies is replaced at once, further ones ever later. */
  async #pause(slot: Slot): Promise<void> {
    if (slot.failures <= 1) return;
    const pauseMs = Math.min(backoffFirstMs * 2 ** (slot.failures - 2), backoffMaxMs);
    const { promise, resolve } = Promise.withResolvers<void>();
    slot.wake = resolve;
    const timer = setTimeout(resolve, pauseMs);
    await promise;
    clearTimeout(timer);
  }

  /** Kills workers whose event loop is stuck. Counts pings, not time: the master itself may have been asleep. */
  #watch({ workerStallTimeoutMs = 0 }: MasterSettings): void {
    clearInterval(this.#watchdog);
    if (workerStallTimeoutMs === 0) return;
    this.#watchdog = setInterval(() => {
      for (const { worker } of this.#slots) {
        if (!worker?.serving) continue;
        if (worker.missedPings++ < pingsPerTimeout) {
          worker.send({ type: "ping" });
          continue;
        }
        const text = `worker process ${worker.pid} has not answered for ${workerStallTimeoutMs} ms and is replaced`;
        this.options.log("alert", text + callsOf(worker.slot));
        worker.kill();
      }
    }, workerStallTimeoutMs / pingsPerTimeout);
  }

  #logExit(worker: WorkerProcess, exit: Exit): void {
    this.options.log(exit.signal === null ? "notice" : "alert", `worker process ${worker.pid} ${describeExit(exit)}`);
  }
}

function describeExit(exit: Exit | undefined): string {
  if (exit === undefined) return "could not be started";
  return exit.signal === null ? `exited with code ${exit.code}` : `exited on signal ${signalNumber(exit.signal)}`;
}

/** @param asked Who answered, if one that died instead refused by that: the next one could die of the same. */
function reason(answers: Answer[], asked?: WorkerProcess[]): string | undefined {
  for (const [at, answer] of answers.entries()) {
    if (answer.outcome === "failed") return answer.text;
    if (answer.outcome === "exited" && asked)
      return `worker process ${asked[at]!.pid} died while it prepared the new configuration, which is not used`;
  }
  return undefined;
}
