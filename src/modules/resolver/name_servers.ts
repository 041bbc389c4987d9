import { nodeDns } from "../../std/builtins.ts";

/** Why a name has no address, in nginx's words and numbers. */
export class NotResolved extends Error {
  override readonly name = "NotResolved";
}

interface Known {
  readonly addresses: readonly string[];
  readonly untilMs: number;
}

/** Answers that say 0 would have every request ask again; one within a second may share. */
const validMsMin = 1000;
/** As long as nginx remembers a name that nobody asks for. */
const namesMax = 10_000;

/** Name servers, and what they said while it holds. */
export class NameServers {
  timeoutMs = 30_000;
  readonly #known = new Map<string, Known>();
  readonly #asking = new Map<string, Promise<readonly string[]>>();

  constructor(
    private readonly servers: readonly string[],
    /** In place of what the answers say. */
    private readonly validMs: number | undefined,
    private readonly ipv4: boolean,
    private readonly ipv6: boolean,
  ) {}

  /**
   * The addresses of a name; a promise only where the servers have to be asked.
   * @throws NotResolved, by the promise
   */
  lookup(name: string): readonly string[] | Promise<readonly string[]> {
    const known = this.#known.get(name);
    if (known && known.untilMs > Date.now()) return known.addresses;
    let asking = this.#asking.get(name);
    if (!asking) {
      asking = this.#ask(name).finally(() => this.#asking.delete(name));
      this.#asking.set(name, asking);
    }
    return asking;
  }

  async #ask(name: string): Promise<readonly string[]> {
    const resolver = new (nodeDns().promises.Resolver)({
      timeout: Math.max(1, Math.min(5000, this.timeoutMs)),
      tries: 2,
    });
    resolver.setServers(this.servers);
    const questions: Promise<{ address: string; ttl: number }[]>[] = [];
    if (this.ipv4) questions.push(resolver.resolve4(name, { ttl: true }));
    if (this.ipv6) questions.push(resolver.resolve6(name, { ttl: true }));
    const answers = await Promise.allSettled(questions);
    const found = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
    if (found.length === 0) throw new NotResolved(`${name} could not be resolved (${why(answers)})`);
    const addresses = found.map(({ address }) => address);
    const validMs = this.validMs ?? Math.min(...found.map(({ ttl }) => ttl)) * 1000;
    if (this.#known.size >= namesMax) this.#known.clear();
    this.#known.set(name, { addresses, untilMs: Date.now() + Math.max(validMs, validMsMin) });
    return addresses;
  }
}

function why(answers: readonly PromiseSettledResult<unknown>[]): string {
  const codes = answers.map((answer) =>
    answer.status === "rejected" ? (answer.reason as { code?: string }).code : "",
  );
  if (codes.includes("ETIMEOUT")) return "110: Operation timed out";
  return codes.includes("ENOTFOUND") || codes.includes("ENODATA") ? "3: Host not found" : "2: Server failure";
}
