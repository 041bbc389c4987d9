import { defineCommand } from "citty";
import type { LogLevel } from "../core/log.ts";
import { type MasterSignal, signalMaster } from "../master/signal.ts";
import type { ConfigurationChoice } from "../runtime/load.ts";
import { choose } from "./configuration.ts";
import { load } from "./load.ts";
import { confArgument, nginxOptions } from "./options.ts";

function signalCommand(signal: MasterSignal, description: string) {
  return defineCommand({
    meta: { name: signal, description },
    args: { conf: confArgument, ...nginxOptions },
    run: ({ args }) => sendSignal(choose(args.conf, args.directives, args.prefix), signal),
  });
}

export const reloadCommand = signalCommand("reload", "Load the configuration and handlers anew, losing nothing");
export const stopCommand = signalCommand("stop", "Stop at once");
export const quitCommand = signalCommand("quit", "Stop after the requests in work are answered");
export const reopenCommand = signalCommand("reopen", "Open the log files anew, after a rotation");

/** Signals the master of this configuration; a configuration that does not load is said and signals nothing. */
export function sendSignal(choice: ConfigurationChoice, signal: MasterSignal): number {
  const { settings, text } = load(choice);
  if (!settings) {
    process.stderr.write(text);
    return 1;
  }
  const outcome = signalMaster(settings.pidFile, signal);
  if (outcome.ok) return 0;
  return fail(outcome.level, outcome.text);
}

function fail(level: LogLevel, text: string): number {
  process.stderr.write(`resty: [${level}] ${text}\n`);
  return 1;
}
