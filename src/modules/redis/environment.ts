import type { Arguments } from "../../core/arguments.ts";
import { mainModule } from "../main/main.ts";

/**
 * The URL of a store. `url=` may name a variable of the environment, `$REDIS_URL`, so that one configuration serves
 * many machines; where it is not set the directive declares nothing, and undefined is answered.
 * @param protocols As `["redis:", "rediss:"]`.
 */
export function readUrl(args: Arguments, protocols: readonly string[]): string | undefined {
  const example = `${protocols[0]}//HOST:PORT`;
  const word = args.named("url", 1);
  if (!word) throw args.wrong(0, `no "url=" in "${args.name}" directive`, `url=${example}`);
  const variable = /^\$(\w+)$/.exec(word.text)?.[1];
  const text = variable === undefined ? word.text : readVariable(args, variable);
  if (text === "" && variable !== undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const at = args.words.findIndex((one) => one.text.startsWith("url="));
  if (!url || !protocols.includes(url.protocol) || url.hostname === "")
    throw args.wrong(at, `invalid ${args.name} url "${withoutPassword(text)}"`, example);
  return text;
}

/** What the workers will see of the environment under this name; "" for nothing. */
function readVariable(args: Arguments, name: string): string {
  const declared = args.level.enclosing("main")?.own(mainModule, "env") as readonly string[] | undefined;
  const entry = declared?.find((text) => text === name || text.startsWith(`${name}=`));
  if (entry?.includes("=")) return entry.slice(name.length + 1);
  const value = process.env[name] ?? "";
  if (value === "" || entry !== undefined) return value;
  const at = args.words.findIndex((one) => one.text === `url=$${name}`);
  throw args.wrong(at, `"$${name}" does not reach the workers`, `"env ${name};" before it, in the main context`);
}

/** Messages go into logs. */
function withoutPassword(url: string): string {
  return url.replace(/:[^:@/]*@/, ":***@");
}

/** @throws ConfigError for a parameter that is not one of `known` */
export function checkParameters(args: Arguments, known: readonly string[]): void {
  for (let i = 1; i < args.count; i++)
    if (!known.includes(args.text(i).split("=")[0]!) || !args.text(i).includes("="))
      throw args.invalidParameter(i, known.map((name) => `${name}=`).join(" "));
}

/** `host:port,host:port`. */
export function readAddresses(args: Arguments, key: string, port: number): { host: string; port: number }[] {
  const word = args.named(key, 1);
  if (!word) return [];
  const at = args.words.findIndex((one) => one.text.startsWith(`${key}=`));
  return word.text.split(",").map((text) => {
    const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text);
    const found = match && { host: match[1] ?? match[2]!, port: match[3] === undefined ? port : Number(match[3]) };
    if (!found || found.port < 1 || found.port > 65_535)
      throw args.wrong(at, `invalid address "${text}" in "${args.name}" directive`, "HOST:PORT");
    return found;
  });
}

/** A whole number from `min`, or what there is without the parameter. */
export function readNumber(args: Arguments, key: string, initial: number, min = 1): number {
  const word = args.named(key, 1);
  if (!word) return initial;
  return args.integerOf(
    args.words.findIndex((one) => one.text.startsWith(`${key}=`)),
    word.text,
    { min },
  );
}

/** Milliseconds, at least one. */
export function readTimeout(args: Arguments, initialMs: number): number {
  const word = args.named("timeout", 1);
  if (!word) return initialMs;
  const at = args.words.findIndex((one) => one.text.startsWith("timeout="));
  const ms = args.timeMsOf(at, word.text);
  if (ms < 1)
    throw args.wrong(at, `invalid timeout "${word.text}" in "${args.name}" directive`, "a time such as 500ms");
  return ms;
}

/** An absolute path. */
export function readPath(args: Arguments, key: string): string | undefined {
  const word = args.named(key, 1);
  return word && args.cycle.path(word.text);
}

/** `key=on` or `key=off`. */
export function readSwitch(args: Arguments, key: string, initial: boolean): boolean {
  const text = args.named(key, 1)?.text;
  if (text === undefined) return initial;
  if (text === "on" || text === "off") return text === "on";
  throw args.invalidParameter(
    args.words.findIndex((one) => one.text.startsWith(`${key}=`)),
    `${key}=on or ${key}=off`,
  );
}
