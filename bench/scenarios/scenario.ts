/** One kind of request: a row of the report. */
export interface StepInfo {
  readonly name: string;
  /** HEAD has no body in its answer, whatever its header says. */
  readonly head: boolean;
  /** Hand the answer's head and body to `answered`; else they are only counted. */
  readonly keep: boolean;
  /** Is this the right status? A wrong one is an error of kind "status". */
  accepts(status: number): boolean;
}

/** A request ready to be sent. A scenario that can, makes it once and returns it again and again. */
export interface Planned {
  readonly step: StepInfo;
  /** The step's place in `Scenario.steps`. */
  readonly index: number;
  readonly bytes: Uint8Array;
}

/** An answer as a scenario sees it. */
export interface Answer {
  readonly status: number;
  /** The first field of that name, in any case. */
  header(name: string): string | undefined;
  readonly bytes: Uint8Array;
  text(): string;
  /** @throws SyntaxError when the body is no JSON. */
  json<T = unknown>(): T;
}

/** Sends single requests outside the measurement: for what has to exist before it. */
export interface SetupClient {
  /** @throws BenchError when there is no answer. */
  send(planned: Planned): Promise<Answer>;
  /** How many may be on their way at once. */
  readonly parallel: number;
}

/** What one process sends. `User` is what one connection remembers from answer to answer. */
export interface Scenario<User = unknown> {
  readonly steps: readonly StepInfo[];
  /** May a second request leave before the first is answered? Not where one needs what the other brought. */
  readonly pipelinable: boolean;
  setup?(client: SetupClient): Promise<void>;
  newUser(): User;
  next(user: User): Planned;
  /** Called for steps with `keep`; returns what is wrong with the answer. The status was right. */
  answered?(user: User, planned: Planned, answer: Answer): string | undefined;
  /** The request got no right answer, so nothing that builds on it can go on. */
  failed?(user: User, planned: Planned): void;
}

/** 2xx and 3xx. */
export function isSuccess(status: number): boolean {
  return status < 400;
}
