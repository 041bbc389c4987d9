import type { Arguments } from "../../core/arguments.ts";
import type { Body, Sink } from "../../core/body.ts";
import { byteLength } from "../../core/body.ts";
import type { ComplexValue } from "../../core/complex.ts";
import { cycleKey } from "../../core/cycle.ts";
import { type Context, defineModule, entries, field, flag, value } from "../../core/module.ts";
import { DECLINED, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { requestSlot } from "../../core/slot.ts";
import { hasType, mimeTypes } from "../core/mime_types.ts";
import { readBody } from "../open_file_cache/read_body.ts";
import { charsets, readMap } from "./map.ts";
import type { Table } from "./tables.ts";

const contexts: readonly Context[] = ["http", "server", "location", "if in location"];

/** Pairs that some level recodes between and have no map: each is complained of once. */
const missing = cycleKey<Set<string>>("charset_missing", () => new Set());

/** The charset that an upstream asked for by X-Accel-Charset; whoever reads that header sets it. */
export const overrideCharset = requestSlot<string>({ perUri: true });

/** nginx's ngx_http_charset_module. */
export const charset = defineModule({
  name: "charset",
  directives: {
    charset: value<ComplexValue | undefined>({
      contexts,
      default: undefined,
      syntax: "charset | off",
      read: (args) => readName(args),
    }),
    source_charset: value<ComplexValue | undefined>({
      contexts,
      default: undefined,
      syntax: "charset",
      read: (args) => readName(args),
    }),
    override_charset: flag({ contexts, default: false }),
    charset_types: mimeTypes({
      contexts: ["http", "server", "location"],
      standard: [
        "text/html",
        "text/xml",
        "text/plain",
        "text/vnd.wap.wml",
        "application/javascript",
        "application/rss+xml",
      ],
    }),
    charset_map: {
      ...entries<undefined>({ contexts: ["http"], default: undefined, args: 2, read: readMap }),
      repeated: true,
      syntax: "charset1 charset2 { ... }",
    },
  },
  fields: {
    /** An upstream may ask for a charset of its own choice, where there are maps. */
    mapped: field(false),
  },
  prepare(conf, level) {
    conf.mapped = level.cycle.get(charsets).mapped;
    const [from, to] = [conf.source_charset?.constant, conf.charset?.constant];
    if (from === undefined || to === undefined || to === "off" || from.toLowerCase() === to.toLowerCase()) return;
    if (level.cycle.get(charsets).table(from, to) || level.cycle.get(missing).has(`${from} ${to}`)) return;
    level.cycle.get(missing).add(`${from} ${to}`);
    level.cycle.diagnostics.error(
      `no "charset_map" between the charsets "${from}" and "${to}"`,
      level.directive?.place,
    );
  },
  // A subrequest's body is recoded to the charset of the page it becomes part of.
  enabled: (conf) => isSet(conf.charset) || conf.source_charset !== undefined || conf.mapped,
  hooks: { header_filter: applyCharset },
});

function isSet(name: ComplexValue | undefined): boolean {
  return name !== undefined && name.constant !== "off";
}

function readName(args: Arguments): ComplexValue {
  const name = args.complex(0);
  if (name.constant !== undefined && name.constant !== "off") args.cycle.get(charsets).name(name.constant);
  return name;
}

function applyCharset(request: Request): Verdict {
  const to = request.parent ? request.main.response.charset : destination(request);
  if (to === undefined) return DECLINED;
  const from = request.response.charset ?? charset.of(request).source_charset?.evaluate(request);
  if (from === undefined || from.toLowerCase() === to.toLowerCase()) return name(request, to);
  const known = request.plan.cycle.get(charsets);
  if (request.response.contentEncoding && known.knows(from) && known.knows(to)) return DECLINED;
  const table = known.table(from, to);
  if (!table) {
    request.log("error", `no "charset_map" between the charsets "${from}" and "${to}"`);
    return DECLINED;
  }
  recode(request, table);
  return name(request, to);
}

function destination(request: Request): string | undefined {
  const { response } = request;
  if (!response.contentType) return undefined;
  const override = request.get(overrideCharset);
  if (override !== undefined) {
    if (request.plan.cycle.get(charsets).knows(override)) return override;
    request.log("error", `unknown charset "${override}" to override`);
    return undefined;
  }
  const conf = charset.of(request);
  if (!isSet(conf.charset)) return undefined;
  if (response.charset !== undefined ? !conf.override_charset : !hasType(request, conf.charset_types)) return undefined;
  return conf.charset?.evaluate(request);
}

/** Of a redirect the charset is left out: nginx found browsers that took it for the next page's. */
function name(request: Request, to: string): Verdict {
  if (request.parent) return DECLINED;
  const { response } = request;
  response.charset = response.status === 301 || response.status === 302 ? undefined : to;
  return DECLINED;
}

/** Above this a body is recoded as it is read. */
const wholeBytesMax = 128 * 1024;

function recode(request: Request, table: Table): void {
  const { response } = request;
  if (!table.sameLength) response.contentLength = -1;
  request.filterBody(
    (next) => recodeStream(table, next),
    (body) => recodeWhole(request, body, table),
  );
}

function recodeWhole(request: Request, body: Body, table: Table): Body | undefined {
  if (byteLength(body) > wholeBytesMax) return undefined;
  const recoded = table.recoder()(readBody(body));
  request.response.contentLength = recoded.length;
  return recoded;
}

function recodeStream(table: Table, next: Sink): Sink {
  const recodeChunk = table.recoder();
  return (chunk, last) => {
    const recoded = recodeChunk(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
    return recoded.length > 0 || last ? next(recoded, last) : undefined;
  };
}
