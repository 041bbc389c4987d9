import { HttpWorker } from "./master/http_worker.ts";
import { runCommandLine } from "./cli/command_line.ts";
import { workerVerb } from "./cli/self.ts";

if (process.argv[2] === workerVerb) new HttpWorker().run();
else process.exitCode = await runCommandLine(process.argv.slice(2));
