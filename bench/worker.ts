import { Client } from "./client.ts";
import { Generator } from "./generator.ts";
import { raiseDescriptorLimit } from "./limits.ts";
import type { FromWorker, Job, ToWorker } from "./protocol.ts";
import { requestBytes } from "./request.ts";
import { httpScenario } from "./scenarios/http.ts";
import type { Scenario } from "./scenarios/scenario.ts";
import { loadScript, scriptScenario } from "./scenarios/script.ts";
import { sessionScenario } from "./scenarios/session.ts";
import { UsageError } from "./usage.ts";

const SETUP_CONNECTIONS = 16;

export async function createScenario(job: Job): Promise<Scenario> {
  const { target } = job.endpoint;
  const { scenario: spec } = job;
  const common = { authority: target.authority, headers: spec.headers, close: !job.keepAlive };
  switch (spec.kind) {
    case "session":
      return sessionScenario({ ...common, ...spec, share: job.share });
    case "script":
      return scriptScenario(await loadScript(spec.file), common);
    case "http": {
      const { method, expect } = spec;
      const body = spec.body === undefined ? undefined : Buffer.from(spec.body, "base64");
      const bytes = requestBytes({ ...common, method, path: target.path, body });
      return httpScenario({ method, name: `${method} ${target.path}`, bytes, expect });
    }
  }
}

/** The sending process: takes one job from its parent, reports deltas, and ends. */
export function runWorker(): void {
  const send = (message: FromWorker): void => {
    process.send!(message);
  };
  let generator: Generator | undefined;
  let scenario: Scenario | undefined;
  let job: Job | undefined;

  const fail = (error: unknown): void => {
    const usage = error instanceof UsageError;
    send({ type: "failed", message: error instanceof Error ? error.message : String(error), usage });
    process.exit(1);
  };
  process.on("uncaughtException", fail);
  process.on("unhandledRejection", fail);
  // Ctrl-C reaches the whole foreground group; the parent decides what it means.
  process.on("SIGINT", () => {});
  process.on("disconnect", () => process.exit(1));

  async function prepare(): Promise<void> {
    const { endpoint, timeoutMs } = job!;
    raiseDescriptorLimit();
    scenario = await createScenario(job!);
    if (scenario.setup) {
      const client = new Client(endpoint, SETUP_CONNECTIONS, timeoutMs);
      await scenario.setup(client);
      client.end();
    }
    send({ type: "prepared", steps: scenario.steps.map((step) => step.name) });
  }

  process.on("message", (message: ToWorker) => {
    switch (message.type) {
      case "job":
        job = message.job;
        prepare().catch(fail);
        break;
      case "go":
        generator = new Generator(job!, scenario!, message.startEpochMs - performance.timeOrigin, send);
        generator.run().then(() => process.disconnect!(), fail);
        break;
      case "stop":
        if (generator) generator.stop();
        else process.exit(0);
        break;
    }
  });
  send({ type: "ready" });
}
