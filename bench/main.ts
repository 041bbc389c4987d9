// The load generator without the server around it: `bun bench/main.ts http://127.0.0.1:8080/ --duration 5`.
import { renderUsage, runCommand } from "citty";
import { benchCommand } from "../src/cli/bench.ts";

const rawArgs = process.argv.slice(2);
if (rawArgs.includes("--help") || rawArgs.includes("-h")) console.log(await renderUsage(benchCommand));
else process.exitCode = (await runCommand(benchCommand, { rawArgs })).result as number;
