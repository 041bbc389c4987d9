import { type Arguments, ConfigError } from "../../core/arguments.ts";
import type { Directive } from "../../core/directive.ts";
import { defineModule, entries } from "../../core/module.ts";
import type { Request } from "../../core/request.ts";
import type { Variable } from "../../core/variable.ts";
import { addressWords, type Cidr, CidrList, everyAddress, ipv4Word, parseCidr } from "../../std/cidr.ts";
import { forwardedAddress } from "../../std/forwarded.ts";
import { PrefixTable } from "./prefix_table.ts";
import { RangeTable } from "./range_table.ts";

/** nginx's ngx_http_geo_module. */
export const geo = defineModule({
  name: "geo",
  directives: {
    geo: {
      ...entries<undefined>({ contexts: ["http"], args: [1, 2], repeated: true, default: undefined, read: readGeo }),
      syntax: "[$address] $variable { ... }",
    },
  },
});

/** What one `geo` block says, while it is read and while it answers. */
class GeoTable {
  ranges: RangeTable | undefined;
  networks: PrefixTable | undefined;
  default: string | undefined;
  recursive = false;
  volatile = false;
  readonly proxies = new CidrList<boolean>();

  /** @param address Undefined, or text that is none, counts as 255.255.255.255. */
  value(address: string | undefined): string {
    if (!this.ranges) return this.networks?.find(address ?? "") ?? "";
    return this.ranges.find(rangeAddress(address ?? "")) ?? this.default ?? "";
  }
}

/** Ranges know IPv4 only: everything else is the last address there is. */
function rangeAddress(address: string): number {
  const word = ipv4Word(address);
  if (word !== undefined) return word >>> 0;
  const words = addressWords(address);
  return words && words[0] === 0 && words[1] === 0 && words[2] === 0xffff ? words[3]! >>> 0 : 0xffffffff;
}

function readGeo(args: Arguments): undefined {
  const names = args.words.map(({ text }, i) => {
    if (!/^\$\w+$/.test(text)) throw args.wrong(i, `invalid variable name "${text}"`, "$ and letters, digits or _");
    return text.slice(1);
  });
  const { variables, diagnostics } = args.cycle;
  const source = names.length === 2 ? variables.mention(names[0]!, args.words[0]!.place) : undefined;
  const table = new GeoTable();
  for (const entry of args.directive.block!) {
    try {
      readEntry(args, entry, table);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      diagnostics.error(error.message, error.place, error.expected);
    }
  }
  variables.define(names.at(-1)!, {
    get: (request) => table.value(addressOf(request, source, table)),
    volatile: table.volatile,
  });
  return undefined;
}

/** The address to look up: the client's or the variable's, or what proxies to be believed report. */
function addressOf(
  request: Request,
  source: Variable | undefined,
  { proxies, recursive }: GeoTable,
): string | undefined {
  const address = source ? source.get(request) : request.main.remoteAddress;
  if (address === undefined) return undefined;
  const lines = proxies.size > 0 ? request.headers.all("x-forwarded-for") : [];
  return lines.length === 0 ? address : (forwardedAddress(address, lines, proxies, recursive)?.address ?? address);
}

function readEntry(args: Arguments, entry: Directive, table: GeoTable): void {
  const { name, place } = entry;
  const [word, more] = entry.args;
  if (!word && name === "ranges") {
    if (table.networks)
      throw new ConfigError('the "ranges" directive must be the first directive inside "geo" block', place);
    table.ranges ??= new RangeTable();
    return;
  }
  if (!word && name === "proxy_recursive") {
    table.recursive = true;
    return;
  }
  if (!word && name === "volatile") {
    table.volatile = true;
    return;
  }
  if (!word || more || entry.block)
    throw new ConfigError("invalid number of the geo parameters", place, "a network and its value");
  if (name === "proxy") table.proxies.add(readNetwork(args, word.text, entry), true);
  else if (table.ranges) addRange(args, table, table.ranges, name, word.text, entry);
  else addNetwork(args, (table.networks ??= new PrefixTable()), name, word.text, entry);
}

function readNetwork(args: Arguments, text: string, { place }: Directive): Cidr {
  const cidr = parseCidr(text);
  if (!cidr || cidr.family === "unix")
    throw new ConfigError(`invalid network "${text}"`, place, "an IPv4 or IPv6 address or CIDR");
  if (cidr.hadHostBits) args.cycle.diagnostics.warn(`low address bits of ${text} are meaningless`, place);
  return cidr;
}

function addNetwork(args: Arguments, networks: PrefixTable, name: string, value: string, entry: Directive): void {
  const { diagnostics } = args.cycle;
  if (name === "delete") {
    if (!networks.delete(readNetwork(args, value, entry)))
      diagnostics.warn(`no network "${value}" to delete`, entry.place);
    return;
  }
  const added =
    name === "default" ? everyAddress.filter(({ family }) => family !== "unix") : [readNetwork(args, name, entry)];
  for (const cidr of added) {
    const before = networks.set(cidr, value);
    if (before !== undefined)
      diagnostics.warn(`duplicate network "${name}", value: "${value}", old value: "${before}"`, entry.place);
  }
}

function addRange(
  args: Arguments,
  table: GeoTable,
  ranges: RangeTable,
  name: string,
  value: string,
  entry: Directive,
): void {
  const { diagnostics } = args.cycle;
  if (name === "default") {
    if (table.default !== undefined)
      diagnostics.warn(`duplicate default geo range value: "${value}", old value: "${table.default}"`, entry.place);
    table.default = value;
    return;
  }
  const text = name === "delete" ? value : name;
  const bounds = text.split("-").map((address) => ipv4Word(address));
  const [start, end] = bounds;
  if (bounds.length !== 2 || start === undefined || end === undefined || start >>> 0 > end >>> 0)
    throw new ConfigError(`invalid range "${text}"`, entry.place, "two IPv4 addresses such as 192.0.2.0-192.0.2.255");
  if (name === "delete") {
    if (!ranges.delete(start >>> 0, end >>> 0)) diagnostics.warn(`no address range "${text}" to delete`, entry.place);
    return;
  }
  const trouble = ranges.add(start >>> 0, end >>> 0, value);
  if (!trouble) return;
  if ("overlaps" in trouble) throw new ConfigError(`range "${text}" overlaps "${trouble.overlaps}"`, entry.place);
  diagnostics.warn(`duplicate range "${text}", value: "${value}", old value: "${trouble.duplicateOf}"`, entry.place);
}
