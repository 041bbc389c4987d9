import { tlsServers } from "../../compile/listen.ts";
import type { Cycle } from "../../core/cycle.ts";
import type { Certificate, TlsServer } from "../../core/plan.ts";
import { describeFailure, stackOf } from "../../ngx/failure.ts";
import type { Generation } from "../../ngx/generation.ts";
import type { Script } from "../../ngx/script.ts";
import { nodeTls } from "../../std/builtins.ts";
import { asHost } from "../../std/host_context.ts";
import { callOnce } from "./start.ts";
import { ts } from "./ts.ts";

/** What `ssl_certificate_by_ts` may return: PEM, and when it wants to be asked again. */
interface Chosen extends Certificate {
  readonly refreshSeconds?: number;
}

/** How soon a script that has failed is asked again. */
const retrySeconds = 60;
/** Timers count milliseconds in 31 bits. */
const refreshSecondsMax = 2_000_000;

/**
 * Asks the scripts of all servers for the certificates of their names, before the first connection: the runtime has no
 * place for a script in a handshake (`SNICallback` is never called in `Bun.serve`, 1.4.5).
 */
export async function chooseCertificates(cycle: Cycle, generation: Generation): Promise<void> {
  const asked = [...cycle.get(tlsServers)].flatMap(([level, server]) => {
    const { script } = ts.at(level).ssl_certificate ?? {};
    return script ? [{ script, server }] : [];
  });
  await Promise.all(
    asked.map(async ({ script, server }) => {
      let timer: Timer | undefined;
      const ask = async (): Promise<void> => {
        const seconds = await chooseFor(server, script, generation);
        if (seconds !== undefined && !generation.exiting) timer = asHost(() => setTimeout(again, seconds * 1000));
      };
      const again = (): void => void ask().then(cycle.relisten);
      cycle.atRetire(() => clearTimeout(timer));
      await ask();
    }),
  );
}

/** @returns After how many seconds to ask again; undefined is never. */
async function chooseFor(server: TlsServer, script: Script, generation: Generation): Promise<number | undefined> {
  // The runtime chooses by a whole name or the end of one. The empty name is for clients that say none of them.
  const names = server.names.filter((name) => !name.startsWith("~") && !name.endsWith(".*"));
  const seconds = await Promise.all(
    [...new Set([...names, ""])].map(async (name) => {
      try {
        const chosen = checked(await callOnce(generation, script, name));
        if (chosen) server.chosen[name] = { cert: chosen.cert, key: chosen.key };
        else delete server.chosen[name];
        return chosen?.refreshSeconds;
      } catch (error) {
        const kept = server.chosen[name] ? "the one it chose before" : "ssl_certificate";
        generation.log(
          "error",
          `${script.label} failed for "${name}", which keeps ${kept}: ${describeFailure(error)}${stackOf(error)}`,
        );
        return retrySeconds;
      }
    }),
  );
  const wanted = seconds.filter((one) => one !== undefined);
  return wanted.length === 0 ? undefined : Math.min(...wanted, refreshSecondsMax);
}

function checked(value: unknown): Chosen | undefined {
  if (value === undefined || value === null) return undefined;
  const { cert, key, refreshSeconds } = value as Partial<Record<keyof Chosen, unknown>>;
  if (typeof cert !== "string" || typeof key !== "string")
    throw new TypeError("a certificate is { cert, key }, both of them PEM text");
  if (refreshSeconds !== undefined && !(typeof refreshSeconds === "number" && refreshSeconds > 0))
    throw new RangeError("refreshSeconds has to be a number above 0");
  nodeTls().createSecureContext({ cert, key }); // throws for what is no certificate, and for another's key
  return { cert, key, ...(refreshSeconds === undefined ? {} : { refreshSeconds }) };
}
