import type { SessionWeights } from "../protocol.ts";
import { requestBytes, type HeaderList } from "../request.ts";
import { BenchError } from "../usage.ts";
import type { Answer, Planned, Scenario, SetupClient, StepInfo } from "./scenario.ts";

/** Of a hundred requests: reading sessions is what a session service does most. */
export const SESSION_WEIGHTS: SessionWeights = { validate: 70, unknown: 10, update: 8, batch: 4, create: 4, delete: 4 };

const UNKNOWN_IDS = 256;
const STEP_NAMES = ["validate", "validate unknown", "update", "batch", "create", "delete"] as const;
const enum Index {
  validate,
  unknown,
  update,
  batch,
  create,
  delete,
}

export interface SessionScenarioOptions {
  authority: string;
  headers: HeaderList;
  close: boolean;
  /** How many sessions this process makes first; validate, update and batch use these, and nothing deletes them. */
  sessions: number;
  /** How many ids a batch asks for; the service takes 100. */
  batchIds: number;
  weights: SessionWeights;
  /** Tells this process's users from the others'. */
  share: number;
}

/**
 * The mix of the session service. Each request has one right answer: sessions that are deleted are those that the mix
 * itself created, so that no validate can meet one that has just gone.
 */
export function sessionScenario(options: SessionScenarioOptions): Scenario<undefined> {
  const { authority, headers, close, share } = options;
  const steps: StepInfo[] = STEP_NAMES.map((name, index) => {
    const right = index === Index.unknown ? 401 : 200;
    return { name, head: false, keep: true, accepts: (status: number) => status === right };
  });
  const plan = (index: Index, path: string): Planned => ({
    step: steps[index]!,
    index,
    bytes: requestBytes({ method: "GET", path: `/api/session/${path}`, authority, headers, close }),
  });

  const ids: string[] = [];
  const validates: Planned[] = [];
  const updates: Planned[] = [];
  const batches: Planned[] = [];
  const unknowns = Array.from({ length: UNKNOWN_IDS }, () => plan(Index.unknown, `validate?session_id=${randomId()}`));
  const creates = Array.from({ length: 64 }, (_, user) =>
    plan(Index.create, `create?user_id=bench-${share}-${user}&user_data=mixed`),
  );
  /** Made by the mix, and so free to delete. */
  const passing: string[] = [];

  const thresholds = cumulate(options.weights);

  function prepare(): void {
    ids.forEach((id, at) => {
      validates.push(plan(Index.validate, `validate?session_id=${id}`));
      updates.push(plan(Index.update, `update?session_id=${id}&user_data=updated-${at}`));
    });
    for (let batch = 0; batch < 64; batch++) {
      const chosen = Array.from(
        { length: Math.min(options.batchIds, ids.length) },
        (_, i) => ids[(batch * 17 + i) % ids.length],
      );
      batches.push(plan(Index.batch, `batch?session_ids=${chosen.join(",")}`));
    }
  }

  return {
    steps,
    pipelinable: true,
    newUser: () => undefined,

    async setup(client: SetupClient): Promise<void> {
      let next = 0;
      const worker = async (): Promise<void> => {
        while (next < options.sessions) {
          const user = next++;
          const answer = await client.send(
            plan(Index.create, `create?user_id=user-${share}-${user}&user_data=session%20${user}`),
          );
          ids.push(sessionIdOf(answer));
        }
      };
      await Promise.all(Array.from({ length: client.parallel }, worker));
      prepare();
    },

    next(): Planned {
      const drawn = Math.random();
      let index = 0;
      while (drawn >= thresholds[index]! && index < Index.delete) index++;
      switch (index as Index) {
        case Index.validate:
          return pick(validates);
        case Index.unknown:
          return pick(unknowns);
        case Index.update:
          return pick(updates);
        case Index.batch:
          return pick(batches);
        case Index.delete: {
          const id = passing.pop();
          // Nothing to delete yet: make something.
          if (id !== undefined) return plan(Index.delete, `delete?session_id=${id}`);
        }
      }
      return pick(creates);
    },

    answered(_user, planned, answer): string | undefined {
      const body = answer.text();
      if (planned.index === Index.unknown) return body.includes('"error"') ? undefined : "no error in the answer";
      // Somewhere: the members of an object have no order.
      if (!body.includes('"success":true')) return "no success in the answer";
      if (planned.index === Index.create) {
        const id = idPattern.exec(body)?.[1];
        if (id === undefined) return "no session_id in the answer";
        passing.push(id);
      }
      return undefined;
    },
  };
}

const idPattern = /"session_id":"([0-9a-f]{32})"/;

function sessionIdOf(answer: Answer): string {
  const body = answer.text();
  const id = answer.status === 200 ? idPattern.exec(body)?.[1] : undefined;
  if (id !== undefined) return id;
  const start = body.length > 200 ? `${body.slice(0, 200)}…` : body;
  throw new BenchError(
    `/api/session/create answered ${answer.status} ${JSON.stringify(start)}: is a session service there? ` +
      "(--scenario http tests any URL)",
  );
}

function randomId(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("hex");
}

function pick(from: readonly Planned[]): Planned {
  return from[Math.floor(Math.random() * from.length)]!;
}

/** Upper edges of each step's part of 0…1, in the order of the steps. */
function cumulate(weights: SessionWeights): number[] {
  const parts = [weights.validate, weights.unknown, weights.update, weights.batch, weights.create, weights.delete];
  const sum = parts.reduce((total, part) => total + part, 0);
  let upTo = 0;
  return parts.map((part) => (upTo += part) / sum);
}
