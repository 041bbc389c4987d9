// The load generator without the server around it: `bun bench/main.ts http://127.0.0.1:8080/ --duration 5`.
import { runMain } from "citty";
import { benchCommand } from "../src/cli/bench.ts";

await runMain(benchCommand);
