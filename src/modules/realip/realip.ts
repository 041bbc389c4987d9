import type { Arguments } from "../../core/arguments.ts";
import { type Context, defineModule, field, flag, list, text } from "../../core/module.ts";
import { DECLINED } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { requestSlot } from "../../core/slot.ts";
import { type Cidr, CidrList, parseCidr } from "../../std/cidr.ts";
import { forwardedAddress } from "../../std/forwarded.ts";

const contexts: readonly Context[] = ["http", "server", "location"];

/** Who the connection came from, once another address is in its place. */
interface Original {
  readonly address: string;
  readonly port: number;
}

const original = requestSlot<Original>();

/** nginx's ngx_http_realip_module. */
export const realip = defineModule({
  name: "realip",
  directives: {
    set_real_ip_from: list<readonly Cidr[]>({
      contexts,
      syntax: "address | CIDR | hostname | unix:",
      read: readTrusted,
    }),
    real_ip_header: text({
      contexts,
      syntax: "field | X-Real-IP | X-Forwarded-For | proxy_protocol",
      default: "X-Real-IP",
    }),
    real_ip_recursive: flag({ contexts, default: false }),
  },
  fields: {
    trusted: field<CidrList<boolean>>(new CidrList()),
    /** `real_ip_header` in lower case. */
    header: field(""),
  },
  variables: {
    realip_remote_addr: ({ main }) => main.get(original)?.address ?? main.remoteAddress,
    realip_remote_port: ({ main }) => String((main.get(original)?.port ?? main.remotePort) || ""),
  },
  enabled: (conf) => conf.set_real_ip_from.length > 0,
  prepare(conf) {
    conf.trusted = new CidrList();
    for (const cidr of conf.set_real_ip_from.flat()) conf.trusted.add(cidr, true);
    conf.header = conf.real_ip_header.toLowerCase();
  },
  hooks: {
    // Once for the server, before a location is known, and once more for what only the location says.
    post_read: (request, conf) => replaceAddress(request, conf),
    preaccess: (request, conf) => replaceAddress(request, conf),
  },
});

function readTrusted(args: Arguments): readonly Cidr[] {
  const text = args.text(0);
  const cidr = parseCidr(text);
  if (cidr?.hadHostBits)
    args.cycle.diagnostics.warn(`low address bits of ${text} are meaningless`, args.words[0]!.place);
  const found = cidr ? [cidr] : addressesOf(text);
  if (found.length === 0)
    throw args.wrong(
      0,
      `host not found in set_real_ip_from "${text}"`,
      "an address, a CIDR, a name that resolves, or unix:",
    );
  return found;
}

/** nginx asks the system's resolver while it reads the configuration, and so does this. */
function addressesOf(host: string): Cidr[] {
  if (!/^[\w.-]+$/.test(host)) return [];
  try {
    const { stdout } = Bun.spawnSync(["getent", "ahosts", host], { stderr: "ignore" });
    const addresses = stdout.toString().matchAll(/^(\S+)\s/gm);
    const each = new Set(Array.from(addresses, ([, address]) => address!));
    return [...each].flatMap((address) => parseCidr(address) ?? []);
  } catch {
    return []; // no getent here
  }
}

interface Conf {
  readonly trusted: CidrList<boolean>;
  readonly header: string;
  readonly real_ip_recursive: boolean;
}

function replaceAddress(request: Request, { trusted, header, real_ip_recursive }: Conf) {
  const { main } = request;
  if (request !== main || main.get(original)) return DECLINED;
  const { proxy } = request.exchange.connection;
  const isProxy = header === "proxy_protocol";
  const lines = isProxy
    ? proxy && [proxy.address]
    : header === "x-forwarded-for"
      ? request.headers.all(header)
      : first(request, header);
  if (!lines || lines.length === 0) return DECLINED;
  const found = forwardedAddress(main.remoteAddress, lines, trusted, real_ip_recursive);
  if (!found) return DECLINED;
  main.set(original, { address: main.remoteAddress, port: main.remotePort });
  main.remoteAddress = found.address;
  main.remotePort = isProxy ? proxy!.port : found.port;
  return DECLINED;
}

function first(request: Request, header: string): string[] {
  const value = request.header(header);
  return value === undefined ? [] : [value];
}
