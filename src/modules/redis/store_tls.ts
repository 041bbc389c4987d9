import type { StoreTls } from "../../clients/store_tls.ts";
import type { Arguments } from "../../core/arguments.ts";
import { readPath } from "./environment.ts";

/** The parameters that `readTls` reads. */
export const tlsParameters = ["tls", "tls_cert", "tls_key", "tls_name"] as const;

export const tlsSyntax = "[tls=on | off | unverified | file] [tls_cert=file tls_key=file] [tls_name=name]";

/**
 * How a store is spoken to over TLS; undefined for plain text.
 * @param initially Whether the URL asks for it.
 */
export function readTls(args: Arguments, initially: boolean): StoreTls | undefined {
  const word = args.named("tls", 1);
  const mode = word?.text ?? (initially ? "on" : "off");
  if (mode === "off" && initially) throw wrong(args, "tls", "the url asks for TLS", "another url, or no tls=off");
  const cert = readPem(args, "tls_cert");
  const key = readPem(args, "tls_key");
  if ((cert === undefined) !== (key === undefined))
    throw wrong(
      args,
      cert === undefined ? "tls_key" : "tls_cert",
      "half of a client certificate",
      "both tls_cert= and tls_key=",
    );
  const serverName = args.named("tls_name", 1)?.text;
  if (mode === "off") {
    const useless = tlsParameters.find((name) => name !== "tls" && args.named(name, 1));
    if (useless) throw wrong(args, useless, `"${useless}=" without TLS`, "tls=on beside it");
    return undefined;
  }
  const ca = mode === "on" || mode === "unverified" ? undefined : readPem(args, "tls");
  return { ca, cert, key, verify: mode !== "unverified", serverName };
}

/** The text of a file in PEM. Who configures is told of one that cannot be read, and not who connects. */
function readPem(args: Arguments, key: string): string | undefined {
  const path = readPath(args, key);
  if (path === undefined) return undefined;
  try {
    const text = args.cycle.readFile(path);
    if (!text.includes("-----BEGIN ")) throw new Error("no start line");
    return text;
  } catch (error) {
    throw wrong(args, key, `cannot load "${path}": ${(error as Error).message}`, "a readable PEM file");
  }
}

const wrong = (args: Arguments, key: string, message: string, expected: string) =>
  args.wrong(
    args.words.findIndex(({ text }) => text.startsWith(`${key}=`)),
    `${message} in "${args.name}" directive`,
    expected,
  );
