import { type Context, defineModule, time, value } from "../../core/module.ts";
import type { Arguments } from "../../core/arguments.ts";
import { NameServers } from "./name_servers.ts";

const contexts: readonly Context[] = ["http", "server", "location"];

/** nginx's `resolver`: whom to ask for the addresses of names that only a request brings. */
export const resolver = defineModule({
  name: "resolver",
  directives: {
    resolver: value<NameServers | undefined>({
      contexts,
      default: undefined,
      args: [1, 16],
      syntax: "address ... [valid=time] [ipv4=on|off] [ipv6=on|off] [status_zone=zone]",
      read: readResolver,
    }),
    resolver_timeout: time({ contexts, default: 30_000 }),
  },
  prepare(conf) {
    if (conf.resolver) conf.resolver.timeoutMs = conf.resolver_timeout;
  },
});

function readResolver(args: Arguments): NameServers {
  const servers: string[] = [];
  let validMs: number | undefined;
  let ipv4 = true;
  let ipv6 = true;
  for (let i = 0; i < args.count; i++) {
    const text = args.text(i);
    if (text.startsWith("valid=")) validMs = args.timeMsOf(i, text.slice("valid=".length));
    else if (text === "ipv4=on" || text === "ipv4=off") ipv4 = text.endsWith("on");
    else if (text === "ipv6=on" || text === "ipv6=off") ipv6 = text.endsWith("on");
    else if (text.startsWith("status_zone=")) continue;
    else servers.push(readAddress(args, i, text));
  }
  if (!ipv4 && !ipv6) throw args.wrong(0, '"ipv4" and "ipv6" cannot both be "off"');
  if (servers.length === 0) throw args.wrong(0, "no name servers defined", "an address");
  return new NameServers(servers, validMs, ipv4, ipv6);
}

/** A numeric address with or without port; 53 is the port otherwise. */
function readAddress(args: Arguments, index: number, text: string): string {
  const match = /^(?:(\d{1,3}(?:\.\d{1,3}){3})|\[([0-9a-fA-F:.]+)\]|(localhost))(?::(\d{1,5}))?$/.exec(text);
  const port = Number(match?.[4] ?? 53);
  if (!match || port < 1 || port > 65_535)
    throw args.wrong(index, `invalid address "${text}"`, "ADDRESS[:PORT] in digits, valid=, ipv4= or ipv6=");
  return match[2] ? `[${match[2]}]:${port}` : `${match[3] ? "127.0.0.1" : match[1]}:${port}`;
}
