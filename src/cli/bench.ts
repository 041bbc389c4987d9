import { defineCommand } from "citty";
import { benchArgs, readOptions } from "../../bench/options.ts";
import { explain, runBench } from "../../bench/run.ts";
import { runWorker } from "../../bench/worker.ts";
import { startOwnServer, workerCommand, workerFlag } from "./bench_environment.ts";

export const benchCommand = defineCommand({
  meta: { name: "bench", description: "Load test a server: throughput, latency percentiles, errors" },
  args: benchArgs,
  async run({ rawArgs }): Promise<number> {
    if (rawArgs[0] === workerFlag) {
      runWorker();
      return 0;
    }
    const { stdout, stderr } = process;
    try {
      return await runBench(readOptions(rawArgs), { workerCommand: workerCommand(), startOwnServer, stdout, stderr });
    } catch (error) {
      return explain(error, (text) => stderr.write(text));
    }
  },
});
