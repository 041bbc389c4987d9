import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { Client } from "./client.ts";
import type { Endpoint } from "./connection.ts";
import { requestBytes, type Target } from "./request.ts";
import { BenchError } from "./usage.ts";

export interface Reached {
  endpoint: Endpoint;
  /** What the server calls itself; "" when it does not say. */
  server: string;
}

/**
 * Finds the address that answers, before ten thousand connections are tried on one that does not. A name with several
 * addresses (localhost) is tested at the first that takes a connection.
 * @throws BenchError when none does, with what each said.
 */
export async function reach(target: Target, insecure: boolean, timeoutMs: number): Promise<Reached> {
  const problems: string[] = [];
  for (const address of await addresses(target)) {
    const endpoint: Endpoint = { target, address, insecure };
    const client = new Client(endpoint, 1, Math.min(timeoutMs, 3000));
    try {
      const bytes = requestBytes({ method: "HEAD", path: "/", authority: target.authority, headers: [] });
      const step = { name: "preflight", head: true, keep: true, accepts: () => true };
      const answer = await client.send({ step, index: 0, bytes });
      return { endpoint, server: answer.header("server") ?? "" };
    } catch (error) {
      const problem = (error as Error).message;
      // It takes connections. What it does with them is for the test itself to find.
      if (!problem.startsWith("connect:") && !(problem.startsWith("timeout") && !client.reached)) {
        return { endpoint, server: "" };
      }
      problems.push(`${address || target.unix}: ${problem.replace(/^connect: /, "")}`);
    } finally {
      client.end();
    }
  }
  const hint = problems.some((problem) => /TLS: .*certificate/.test(problem))
    ? " (--insecure accepts any certificate)"
    : "";
  throw new BenchError(`cannot connect to ${target.url}: ${problems.join("; ")}${hint}`);
}

async function addresses(target: Target): Promise<string[]> {
  if (target.unix !== "") return [""];
  if (isIP(target.hostname)) return [target.hostname];
  try {
    return (await lookup(target.hostname, { all: true })).map(({ address }) => address);
  } catch (error) {
    const { code } = error as { code?: string };
    throw new BenchError(`cannot find ${target.hostname}: ${code ?? (error as Error).message}`);
  }
}
