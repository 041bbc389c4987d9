import type { Planned, Scenario, StepInfo } from "./scenario.ts";
import { isSuccess } from "./scenario.ts";

export interface HttpScenarioOptions {
  method: string;
  /** For the report: "GET /path". */
  name: string;
  bytes: Uint8Array;
  /** Statuses taken as right; without any, 2xx and 3xx. */
  expect: readonly number[];
}

/** The same request for ever. */
export function httpScenario(options: HttpScenarioOptions): Scenario<undefined> {
  const { expect } = options;
  const step: StepInfo = {
    name: options.name,
    head: options.method === "HEAD",
    keep: false,
    accepts: expect.length === 0 ? isSuccess : (status) => expect.includes(status),
  };
  const planned: Planned = { step, index: 0, bytes: options.bytes };
  return { steps: [step], pipelinable: true, newUser: () => undefined, next: () => planned };
}
