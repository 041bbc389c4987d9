import { Connection, type ConnectionOwner, type FailureKind, type Slot } from "./connection.ts";
import { createHistogram, drain, recordMs, type Histogram } from "./histogram.ts";
import { Pace } from "./pace.ts";
import type { Delta, Done, ErrorCounts, ErrorKind, Job, StepDelta } from "./protocol.ts";
import { KeptAnswer } from "./scenarios/answer.ts";
import type { Planned, Scenario } from "./scenarios/scenario.ts";

const TICK_MS = 100;
const PUMP_MS = 10;
// Beyond this a listener's queue (512 in Bun, 511 in nginx) would drop SYNs, and each drop costs the client a second.
const CONNECTING_MAX = 256;
const BACK_OFF_MS_MAX = 1000;
const DETAILS_MAX = 20;

interface Row {
  latency: Histogram;
  service: Histogram;
  answers: number;
  errors: ErrorCounts;
}

/**
 * The sending side of one process. Closed model: every connection sends its next request when the last was answered.
 * Open model: requests are due at a rate, whether or not earlier ones were answered; one that finds no free
 * connection waits for it, and its latency counts from when it was due.
 */
export class Generator implements ConnectionOwner {
  bytesRead = 0;

  readonly #job: Job;
  readonly #scenario: Scenario;
  readonly #emit: (message: Delta | Done) => void;
  readonly #open: boolean;
  readonly #startMs: number;
  readonly #measureFromMs: number;
  #measureToMs: number;

  readonly #rows: Row[];
  readonly #outside = createHistogram();
  readonly #lag = createHistogram();
  readonly #statuses = new Uint32Array(1000);
  #details: Record<string, number> = {};
  #answers = 0;
  #errors = 0;
  #answersInWindow = 0;

  readonly #connections: Connection[] = [];
  readonly #reconnecting: { connection: Connection; atMs: number }[] = [];
  #connecting = 0;
  #opened = 0;
  #outstanding = 0;
  /** What an announced close left unsent. */
  readonly #again: { planned: Planned; dueMs: number }[] = [];

  /** Connections that can take a request, the one that waited longest first; some may have closed since. */
  #idle: Connection[] = [];
  #idleHead = 0;
  #idleSinceMs = 0;
  readonly #pace: Pace | undefined;
  #wakeTimer: Timer | undefined;
  #wakeImmediate: NodeJS.Immediate | undefined;

  readonly #timers: Timer[] = [];
  #nextTickMs: number;
  #nextPumpMs = 0;
  #cpuFrom: NodeJS.CpuUsage | undefined;
  #cpuFromMs = 0;
  #cpuCores = 0;
  #finished: (() => void) | undefined;

  /** @param startMs When to begin, in the clock of `performance.now()`: the same moment in every process. */
  constructor(job: Job, scenario: Scenario, startMs: number, emit: (message: Delta | Done) => void) {
    this.#job = job;
    this.#scenario = scenario;
    this.#emit = emit;
    this.#open = job.rate > 0;
    this.#startMs = startMs;
    this.#measureFromMs = startMs + job.rampMs + job.warmupMs;
    this.#measureToMs = this.#measureFromMs + job.durationMs;
    this.#nextTickMs = startMs + TICK_MS;
    if (this.#open) this.#pace = new Pace(startMs, job.rate, job.rampMs, job.share, job.shares);
    this.#rows = scenario.steps.map(newRow);
    const sources = job.sourceAddresses;
    for (let i = 0; i < job.connections; i++) {
      const source = sources.length > 0 ? sources[i % sources.length] : "";
      this.#connections.push(new Connection(this, job.endpoint, scenario.newUser(), job.pipeline, source));
    }
  }

  /** Resolves when the last answer has come, or the time for it is over, and the last delta was emitted. */
  run(): Promise<void> {
    return new Promise((resolve) => {
      this.#finished = resolve;
      this.#timers.push(setInterval(() => this.#beat(performance.now()), PUMP_MS));
    });
  }

  /** Ends the measured time now; what is on its way is still awaited, for a moment. */
  stop(): void {
    this.#measureToMs = Math.min(this.#measureToMs, performance.now());
    this.#job.graceMs = Math.min(this.#job.graceMs, 200);
  }

  /**
   * What happens by the clock. Answers call it as well as a timer: with a thousand sockets ready at a time, Bun reads
   * from them for most of a second before it looks at its timers.
   */
  #beat(now: number): void {
    if (now < this.#startMs) return;
    if (now >= this.#nextTickMs) this.#tick(now);
    if (now < this.#nextPumpMs) return;
    this.#nextPumpMs = now + PUMP_MS;
    this.#pump(now);
  }

  /** Opens connections as the ramp asks for them, and again those that were lost. */
  #pump(now: number): void {
    if (!this.#cpuFrom && now >= this.#measureFromMs) {
      this.#cpuFrom = process.cpuUsage();
      this.#cpuFromMs = now;
    }
    if (now >= this.#measureToMs) return this.#wind(now);
    const { connections, rampMs } = this.#job;
    const part = rampMs > 0 ? (now - this.#startMs) / rampMs : 1;
    const wanted = part >= 1 ? connections : Math.max(1, Math.floor(connections * part));
    while (this.#opened < wanted && this.#connecting < CONNECTING_MAX) {
      this.#activate(this.#connections[this.#opened++]!, now);
    }
    for (let left = this.#reconnecting.length; left > 0 && this.#connecting < CONNECTING_MAX; left--) {
      const waiting = this.#reconnecting.shift()!;
      if (waiting.atMs > now) this.#reconnecting.push(waiting);
      else this.#activate(waiting.connection, now);
    }
    if (this.#open) this.#serveDue();
  }

  /** After the last request: waits for what is on its way, then ends. */
  #wind(now: number): void {
    this.#measureCpu(now);
    const left = this.#pace !== undefined && this.#pace.nextMs < this.#measureToMs;
    if (left) this.#serveDue();
    if (this.#outstanding === 0 && !left && this.#again.length === 0) return this.#end(now);
    if (now - this.#measureToMs < this.#job.graceMs) return;
    for (const connection of this.#connections) {
      while (connection.inFlight > 0) this.#unanswered(connection.take(), now);
      if (this.#job.keepAlive || connection.state !== "connecting") continue;
      this.#count(this.#rows[0]!.errors, connection.dueMs, "unanswered", "no connection when the run ended");
    }
    const pace = this.#pace;
    const step = this.#rows[0];
    for (; pace && step && pace.nextMs < this.#measureToMs; pace.advance()) {
      this.#count(step.errors, pace.nextMs, "unanswered", "due, and never sent: no connection was free");
      if (this.#measured(pace.nextMs)) recordMs(step.latency, now - pace.nextMs);
    }
    this.#end(now);
  }

  #unanswered(slot: Slot, now: number): void {
    const row = this.#rows[slot.planned.index]!;
    this.#count(row.errors, slot.dueMs, "unanswered", "no answer when the run ended");
    this.#recordWait(row, slot, now);
  }

  #measureCpu(now: number): void {
    if (!this.#cpuFrom || this.#cpuCores > 0) return;
    const used = process.cpuUsage(this.#cpuFrom);
    this.#cpuCores = (used.user + used.system) / 1000 / Math.max(1, now - this.#cpuFromMs);
  }

  #end(now: number): void {
    if (!this.#finished) return;
    for (const timer of this.#timers) clearInterval(timer);
    this.#clearWake();
    const finished = this.#finished;
    this.#finished = undefined;
    for (const connection of this.#connections) connection.close();
    this.#flush(now, 0);
    this.#emit({ type: "done", cpuCores: this.#cpuCores });
    finished();
  }

  #tick(now: number): void {
    this.#expire(now);
    // Lateness against a schedule that never drifts; one that fell behind by whole ticks starts over.
    const late = Math.max(0, now - this.#nextTickMs);
    this.#nextTickMs = Math.max(this.#nextTickMs + TICK_MS, now);
    this.#flush(now, late);
  }

  #expire(now: number): void {
    const { timeoutMs } = this.#job;
    for (const connection of this.#connections) {
      if (connection.inFlight > 0) {
        if (now - connection.oldest.sentMs >= timeoutMs) {
          connection.close("timeout", `no answer in ${timeoutMs / 1000} s`);
        }
      } else if (connection.state === "connecting" && now - connection.connectStartedMs >= timeoutMs) {
        connection.close("connect", `no connection in ${timeoutMs / 1000} s`);
      }
    }
  }

  #flush(now: number, tickLateMs: number): void {
    const statuses: Record<string, number> = {};
    this.#statuses.forEach((count, status) => {
      if (count > 0) statuses[status] = count;
    });
    this.#statuses.fill(0);
    let open = 0;
    for (const connection of this.#connections) if (connection.state === "open") open++;
    this.#emit({
      type: "delta",
      atMs: now - this.#startMs,
      steps: this.#rows.map(drainRow),
      outside: drain(this.#outside),
      answers: this.#answers,
      errors: this.#errors,
      answersInWindow: this.#answersInWindow,
      bytes: this.bytesRead,
      statuses,
      details: this.#details,
      openConnections: open,
      backlog: this.#pace?.backlog(Math.min(now, this.#measureToMs)) ?? 0,
      lag: drain(this.#lag),
      tickLateMs,
    });
    this.#answers = this.#errors = this.#answersInWindow = this.bytesRead = 0;
    this.#details = {};
  }

  #measured(dueMs: number): boolean {
    return dueMs >= this.#measureFromMs && dueMs < this.#measureToMs;
  }

  #count(errors: ErrorCounts, dueMs: number, kind: ErrorKind, detail: string): void {
    this.#errors++;
    if (!this.#measured(dueMs)) return;
    errors[kind] = (errors[kind] ?? 0) + 1;
    const key = `${kind}: ${detail}`;
    const known = this.#details[key];
    if (known !== undefined || Object.keys(this.#details).length < DETAILS_MAX) this.#details[key] = (known ?? 0) + 1;
  }

  #recordWait(row: Row, slot: Slot, now: number): void {
    if (!this.#measured(slot.dueMs)) return recordMs(this.#outside, now - slot.dueMs);
    recordMs(row.latency, now - slot.dueMs);
    if (this.#open) recordMs(row.service, now - slot.sentMs);
  }

  /** Lets a connection take part; without keep-alive it opens for each request, so there is nothing to open yet. */
  #activate(connection: Connection, now: number): void {
    if (!this.#job.keepAlive) return this.#ready(connection, now);
    this.#connecting++;
    connection.connect();
  }

  /** The connection can take one more request. */
  #ready(connection: Connection, now: number): void {
    const again = this.#again.shift();
    if (again) {
      this.#outstanding++;
      connection.send(again.planned, again.dueMs, now);
    } else if (this.#open) {
      const pace = this.#pace!;
      if (pace.nextMs <= now && pace.nextMs < this.#measureToMs) return this.#dispatchDue(connection, now);
      if (this.#idleHead === this.#idle.length) this.#idleSinceMs = now;
      this.#idle.push(connection);
      if (!this.#wakeTimer && !this.#wakeImmediate) this.#scheduleWake(now);
    } else if (now < this.#measureToMs) this.#dispatch(connection, now, now);
  }

  #dispatchDue(connection: Connection, now: number): void {
    const pace = this.#pace!;
    const dueMs = pace.nextMs;
    pace.advance();
    this.#dispatch(connection, dueMs, now);
  }

  #dispatch(connection: Connection, dueMs: number, now: number): void {
    this.#outstanding++;
    if (!this.#job.keepAlive) {
      connection.dueMs = dueMs;
      this.#connecting++;
      connection.connect();
      return;
    }
    connection.send(this.#scenario.next(connection.user), dueMs, now);
  }

  /** Open model: sends what is due while connections are free. */
  #serveDue(): void {
    const pace = this.#pace!;
    const now = performance.now();
    while (pace.nextMs <= now && pace.nextMs < this.#measureToMs) {
      const connection = this.#takeIdle();
      if (!connection) break;
      // Whoever was late: before a connection was free, the server; after, this process.
      if (this.#measured(pace.nextMs)) recordMs(this.#lag, now - Math.max(pace.nextMs, this.#idleSinceMs));
      this.#dispatchDue(connection, now);
    }
    this.#scheduleWake(now);
  }

  #takeIdle(): Connection | undefined {
    while (this.#idleHead < this.#idle.length) {
      const connection = this.#idle[this.#idleHead++]!;
      if (this.#idleHead > 1024 && this.#idleHead * 2 > this.#idle.length) {
        this.#idle = this.#idle.slice(this.#idleHead);
        this.#idleHead = 0;
      }
      const free = this.#job.keepAlive
        ? connection.usable && connection.inFlight < this.#job.pipeline
        : connection.state === "closed";
      if (free) return connection;
    }
    return undefined;
  }

  #clearWake(): void {
    clearTimeout(this.#wakeTimer);
    clearImmediate(this.#wakeImmediate);
    this.#wakeTimer = this.#wakeImmediate = undefined;
  }

  /**
   * Wakes for the next due time. Timers have a resolution of a millisecond, which is long against a fast answer: so
   * the last two are spent polling (a turn of the loop with its poll takes half a microsecond).
   */
  #scheduleWake(now: number): void {
    this.#clearWake();
    const { nextMs } = this.#pace!;
    if (this.#idleHead === this.#idle.length || nextMs >= this.#measureToMs || !this.#finished) return;
    const gap = nextMs - now;
    const wake = () => {
      this.#wakeTimer = this.#wakeImmediate = undefined;
      const { nextMs: due } = this.#pace!;
      if (performance.now() >= due) this.#serveDue();
      else this.#scheduleWake(performance.now());
    };
    if (gap > 2.5) this.#wakeTimer = setTimeout(wake, Math.floor(gap - 1.5));
    else this.#wakeImmediate = setImmediate(wake);
  }

  opened(connection: Connection): void {
    this.#connecting--;
    const now = performance.now();
    if (!this.#job.keepAlive) {
      connection.send(this.#scenario.next(connection.user), connection.dueMs, connection.connectStartedMs);
      return;
    }
    for (let i = 0; i < this.#job.pipeline && connection.usable; i++) this.#ready(connection, now);
  }

  answered(connection: Connection, slot: Slot): void {
    const now = performance.now();
    const { planned, dueMs } = slot;
    const { parser } = connection;
    const row = this.#rows[planned.index]!;
    this.#outstanding--;
    this.#answers++;
    if (now >= this.#measureFromMs && now < this.#measureToMs) this.#answersInWindow++;
    if (this.#measured(dueMs)) this.#statuses[parser.status]!++;
    if (!planned.step.accepts(parser.status)) {
      this.#count(row.errors, dueMs, "status", `${planned.step.name} answered ${parser.status}`);
      this.#scenario.failed?.(connection.user, planned);
    } else {
      const problem = planned.step.keep ? this.#judge(connection, planned) : undefined;
      if (problem !== undefined) {
        this.#count(row.errors, dueMs, "body", `${planned.step.name}: ${problem}`);
        this.#scenario.failed?.(connection.user, planned);
      } else {
        if (this.#measured(dueMs)) row.answers++;
        this.#recordWait(row, slot, now);
      }
    }
    if (connection.usable && this.#job.keepAlive) this.#ready(connection, now);
    if (now >= this.#nextPumpMs) this.#beat(now);
  }

  #judge(connection: Connection, planned: Planned): string | undefined {
    const { status, head, body } = connection.parser;
    return this.#scenario.answered?.(connection.user, planned, new KeptAnswer(status, head, body));
  }

  failed(connection: Connection, slot: Slot, kind: FailureKind, detail: string): void {
    this.#outstanding--;
    const row = this.#rows[slot.planned.index]!;
    this.#count(row.errors, slot.dueMs, kind, detail);
    // Waited for in vain is a latency too: without it, a server that stalls would look fast.
    if (kind === "timeout") this.#recordWait(row, slot, performance.now());
    this.#scenario.failed?.(connection.user, slot.planned);
  }

  unsent(_connection: Connection, slot: Slot): void {
    this.#outstanding--;
    this.#again.push({ planned: slot.planned, dueMs: slot.dueMs });
  }

  closed(connection: Connection, failure?: { kind: FailureKind; detail: string }): void {
    if (!this.#finished) return;
    const now = performance.now();
    const neverOpened = failure !== undefined && failure.kind !== "protocol";
    if (neverOpened) this.#connecting--;
    if (failure) {
      if (!this.#job.keepAlive && neverOpened) this.#outstanding--;
      const row = this.#rows[0]!;
      this.#count(row.errors, this.#job.keepAlive ? now : connection.dueMs, failure.kind, failure.detail);
    }
    if (now >= this.#measureToMs && !this.#pace && this.#again.length === 0) return;
    const pauseMs = connection.failures > 0 ? Math.min(BACK_OFF_MS_MAX, 10 * 2 ** connection.failures) : 0;
    if (pauseMs === 0 && this.#connecting < CONNECTING_MAX) this.#activate(connection, now);
    else this.#reconnecting.push({ connection, atMs: now + pauseMs });
  }
}

function newRow(): Row {
  return { latency: createHistogram(), service: createHistogram(), answers: 0, errors: {} };
}

function drainRow(row: Row): StepDelta {
  const delta = {
    latency: drain(row.latency),
    service: drain(row.service),
    answers: row.answers,
    errors: row.errors,
  };
  row.answers = 0;
  row.errors = {};
  return delta;
}
