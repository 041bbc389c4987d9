import { constants } from "node:os";

/** `9` for "SIGKILL". */
export function signalNumber(name: NodeJS.Signals): number {
  return constants.signals[name] ?? 0;
}

/** What a signal asks of the master, in the words that end nginx's log line about it. */
export const signalActions = {
  SIGTERM: "exiting",
  SIGINT: "exiting",
  SIGQUIT: "shutting down",
  SIGHUP: "reconfiguring",
  SIGUSR1: "reopening logs",
  SIGUSR2: "changing binary",
  SIGWINCH: "stop accepting connections",
} as const satisfies Partial<Record<NodeJS.Signals, string>>;

export type ActionSignal = keyof typeof signalActions;
