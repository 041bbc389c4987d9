import { workerVerb } from "./cli/self.ts";

// Each way loads only what it needs: it is time before the first answer.
if (process.argv[2] === workerVerb) {
  const { HttpWorker } = await import("./master/http_worker.ts");
  new HttpWorker().run();
} else {
  const { runCommandLine } = await import("./cli/command_line.ts");
  process.exitCode = await runCommandLine(process.argv.slice(2));
}
