import type { Arguments } from "../../core/arguments.ts";
import { type Context, type DirectiveSpec, defineModule, field, list } from "../../core/module.ts";
import { DECLINED, OK } from "../../core/phase.ts";
import { type Cidr, CidrList, everyAddress, parseCidr } from "../../std/cidr.ts";
import { satisfy } from "../satisfy/satisfy.ts";

const contexts: readonly Context[] = ["http", "server", "location", "limit_except"];

interface Rule {
  readonly ranges: readonly Cidr[];
  readonly allowed: boolean;
}

function rule(allowed: boolean): DirectiveSpec<readonly Rule[]> {
  return list({
    contexts,
    syntax: "address | CIDR | unix: | all",
    into: "rules",
    read: (args) => ({ ranges: readRanges(args), allowed }),
  });
}

/** nginx's ngx_http_access_module. */
export const access = defineModule({
  name: "access",
  directives: { allow: rule(true), deny: rule(false) },
  fields: {
    /** In the order of the configuration; a level with its own takes none from above. */
    rules: field<readonly Rule[]>([]),
    verdicts: field<CidrList<boolean>>(new CidrList()),
  },
  enabled: (conf) => conf.rules.length > 0,
  prepare(conf) {
    conf.verdicts = new CidrList();
    for (const { ranges, allowed } of conf.rules) for (const range of ranges) conf.verdicts.add(range, allowed);
  },
  hooks: {
    access(request, { verdicts }) {
      const allowed = verdicts.find(request.main.remoteAddress);
      if (allowed === undefined) return DECLINED;
      if (allowed) return OK;
      // Under "satisfy any" the other checks come first, and who adds them up logs it.
      if (satisfy.of(request).satisfy === "all") request.log("error", "access forbidden by rule");
      return 403;
    },
  },
});

function readRanges(args: Arguments): readonly Cidr[] {
  const text = args.text(0);
  if (text === "all") return everyAddress;
  const cidr = parseCidr(text);
  if (!cidr) throw args.invalidParameter(0, "an IPv4 or IPv6 address or CIDR, unix: or all");
  if (cidr.hadHostBits)
    args.cycle.diagnostics.warn(`low address bits of ${text} are meaningless`, args.words[0]!.place);
  return [cidr];
}
