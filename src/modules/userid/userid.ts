import type { Arguments } from "../../core/arguments.ts";
import { choice, type Context, defineModule, list, text, value } from "../../core/module.ts";
import { DECLINED } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { requestSlot } from "../../core/slot.ts";
import { addressBytes } from "../../std/address.ts";
import { parseTimeSeconds } from "../../std/units.ts";
import { cookie } from "../core/variables.ts";
import { cookieTime, hexWords, type Uid, uidV1, uidV2 } from "./uid.ts";

const contexts: readonly Context[] = ["http", "server", "location"];
const flags = ["off", "secure", "httponly", "samesite=strict", "samesite=lax", "samesite=none"] as const;

/** What is known of the client, once looked at. */
interface State {
  /** Of a cookie that holds one. */
  readonly got: Uid | undefined;
  readonly cookie: string;
  /** To be sent; the one that was got when only its mark is new. */
  set: Uid | undefined;
  reset: boolean;
  decided: boolean;
}

const state = requestSlot<State>();
const reset = requestSlot<string>();

/** nginx's ngx_http_userid_module. */
export const userid = defineModule({
  name: "userid",
  directives: {
    userid: choice({ contexts, default: "off", of: ["off", "log", "v1", "on"] }),
    userid_service: value<number | undefined>({
      contexts,
      syntax: "number",
      default: undefined,
      read: (args) => args.integer(0, { max: 0xffffffff }),
    }),
    userid_name: text({ contexts, syntax: "name", default: "uid" }),
    userid_domain: value<string>({ contexts, syntax: "name | none", default: "", read: noneOr }),
    userid_path: text({ contexts, syntax: "path", default: "/" }),
    userid_expires: value<number | "max">({ contexts, syntax: "time | max | off", default: 0, read: readExpires }),
    userid_flags: list<readonly string[]>({ contexts, args: [1, 3], syntax: "off | flag ...", read: readFlags }),
    userid_p3p: value<string>({ contexts, syntax: "string | none", default: "", read: noneOr }),
    userid_mark: value<string>({ contexts, syntax: "letter | digit | = | off", default: "", read: readMark }),
  },
  variables: {
    uid_got: ({ main }): string | undefined => {
      const got = userid.of(main).userid === "off" ? undefined : stateOf(main).got;
      return got && `${userid.of(main).userid_name}=${hexWords(got)}`;
    },
    uid_set: ({ main }): string | undefined => {
      if (!sends(main)) return undefined;
      const { set } = decide(main);
      return set && `${userid.of(main).userid_name}=${hexWords(set)}`;
    },
    uid_reset: {
      get: ({ main }) => main.get(reset) ?? "",
      set: ({ main }, text) => main.set(reset, text),
    },
  },
  enabled: (conf) => conf.userid === "v1" || conf.userid === "on",
  hooks: {
    header_filter(request) {
      if (request !== request.main) return DECLINED;
      const conf = userid.of(request);
      const decided = decide(request);
      if (!decided.set) return DECLINED;
      const { headers } = request.response;
      headers.add("Set-Cookie", cookieText(request, decided, decided.set));
      if (conf.userid_p3p !== "") headers.add("P3P", conf.userid_p3p);
      return DECLINED;
    },
  },
});

function noneOr(args: Arguments): string {
  return args.text(0) === "none" ? "" : args.text(0);
}

function readExpires(args: Arguments): number | "max" {
  const word = args.text(0);
  if (word === "max") return "max";
  const seconds = word === "off" ? 0 : parseTimeSeconds(word);
  if (seconds === undefined)
    throw args.wrong(0, `"${args.name}" directive invalid value`, "a time such as 365d, max or off");
  return seconds;
}

function readFlags(args: Arguments): readonly string[] {
  const words = args.words.map((_, i) => args.choice(i, flags));
  return words.filter((word) => word !== "off");
}

function readMark(args: Arguments): string {
  const word = args.text(0);
  if (word === "off") return "";
  if (!/^[0-9A-Za-z=]$/.test(word))
    throw args.wrong(0, `"${args.name}" directive value must be "off" or a single letter, digit or "="`);
  return word;
}

function sends(request: Request): boolean {
  const mode = userid.of(request).userid;
  return mode === "v1" || mode === "on";
}

function stateOf(request: Request): State {
  let known = request.get(state);
  if (!known) request.set(state, (known = readCookie(request)));
  return known;
}

function readCookie(request: Request): State {
  const text = cookie(request, userid.of(request).userid_name.toLowerCase());
  const fresh: State = { got: undefined, cookie: text ?? "", set: undefined, reset: false, decided: false };
  if (text === undefined) return fresh;
  if (text.length < 22) {
    request.log("error", `client sent too short userid cookie "${request.header("cookie")}"`);
    return fresh;
  }
  // What follows the 22 characters is a mark, or rubbish that older servers left there.
  const encoded = text.slice(0, 22);
  if (!/^[A-Za-z0-9+/]{22}$/.test(encoded)) {
    request.log("error", `client sent invalid userid cookie "${request.header("cookie")}"`);
    return fresh;
  }
  const got = Buffer.from(encoded, "base64");
  return { ...fresh, got: got.readUInt32LE(12) === 0 ? undefined : got };
}

/** Settles, once a request, what the client is to be called. */
function decide(request: Request): State {
  const known = stateOf(request);
  if (known.decided) return known;
  known.decided = true;
  const conf = userid.of(request);
  if (known.got) {
    const wanted = request.get(reset) ?? "";
    if (wanted === "" || wanted === "0") {
      const marked = known.cookie[22] === conf.userid_mark && known.cookie[23] === "=";
      if (conf.userid_mark !== "" && !marked) known.set = known.got;
      return known;
    }
    known.reset = true;
    if (wanted === "log") request.log("notice", `userid cookie "${conf.userid_name}=${hexWords(known.got)}" was reset`);
  }
  known.set = conf.userid === "v1" ? uidV1(conf.userid_service ?? 0) : uidV2(conf.userid_service ?? localWord(request));
  return known;
}

/** The last four bytes of the address that was connected to. */
function localWord(request: Request): number {
  const bytes = addressBytes(request.exchange.connection.localAddress);
  if (bytes.length !== 4 && bytes.length !== 16) return 0;
  return Buffer.from(bytes.slice(-4), "latin1").readUInt32BE(0);
}

function cookieText(request: Request, known: State, set: Uid): string {
  const conf = userid.of(request);
  const mark = conf.userid_mark;
  const encoded = known.got && !known.reset ? known.cookie.slice(0, 22) : set.toString("base64").slice(0, 22);
  let line = `${conf.userid_name}=${encoded}${mark || "="}=`;
  if (conf.userid_expires === "max") line += "; expires=Thu, 31-Dec-37 23:55:55 GMT";
  else if (conf.userid_expires > 0)
    line += `; expires=${cookieTime(Math.floor(Date.now() / 1000) + conf.userid_expires)}`;
  if (conf.userid_domain !== "") line += `; domain=${conf.userid_domain}`;
  line += `; path=${conf.userid_path}`;
  for (const flag of conf.userid_flags.flat()) line += `; ${flag}`;
  return line;
}
