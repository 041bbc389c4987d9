import { defineCommand } from "citty";
import { benchArgs, readOptions } from "../../bench/options.ts";
import { startOwnServer, workerCommand, workerFlag } from "./bench_environment.ts";

export const benchCommand = defineCommand({
  meta: { name: "bench", description: "Load test a server: throughput, latency percentiles, errors" },
  args: benchArgs,
  async run({ rawArgs }): Promise<number> {
    // What only a bench needs is loaded only for one: it would be a part of the start of every server.
    if (rawArgs[0] === workerFlag) {
      const { runWorker } = await import("../../bench/worker.ts");
      runWorker();
      return 0;
    }
    const { explain, runBench } = await import("../../bench/run.ts");
    const { stdout, stderr } = process;
    try {
      return await runBench(readOptions(rawArgs), { workerCommand: workerCommand(), startOwnServer, stdout, stderr });
    } catch (error) {
      return explain(error, (text) => stderr.write(text));
    }
  },
});
