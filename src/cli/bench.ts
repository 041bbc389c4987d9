import { defineCommand } from "citty";
import { benchArgs, readOptions } from "../../bench/options.ts";
import { explain, runBench } from "../../bench/run.ts";
import { runWorker } from "../../bench/worker.ts";
import { startOwnServer, workerCommand } from "./bench_environment.ts";

export const benchCommand = defineCommand({
  meta: { name: "bench", description: "Load test a server: throughput, latency percentiles, errors" },
  args: benchArgs,
  async run({ rawArgs }) {
    if (rawArgs[0] === "--worker") return runWorker();
    const { stdout, stderr } = process;
    try {
      process.exitCode = await runBench(readOptions(rawArgs), {
        workerCommand: workerCommand(),
        startOwnServer,
        stdout,
        stderr,
      });
    } catch (error) {
      process.exitCode = explain(error, (text) => stderr.write(text));
    }
  },
});
