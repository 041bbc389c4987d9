import type { Arguments } from "../../core/arguments.ts";
import { compilePattern } from "../../core/pattern.ts";
import type { Request } from "../../core/request.ts";
import { escapeArgs, unescapeRedirect } from "../../std/uri_escape.ts";
import { leave, next, type Operation } from "./program.ts";
import { rewrite } from "./rewrite.ts";

type Flag = "" | "last" | "break" | "redirect" | "permanent";

/** `rewrite regex replacement [flag]` */
export function readRewrite(args: Arguments): Operation {
  const pattern = compilePattern(args, args.text(0), args.words[0]!.place);
  let source = args.text(1);
  if (source === "") throw args.wrong(1, "empty replacement", "a URI");
  const flag: Flag = args.has(2) ? args.choice(2, ["last", "break", "redirect", "permanent"]) : "";
  const absolute = /^(?:https?:\/\/|\$scheme)/.test(source);
  const status = flag === "permanent" ? 301 : absolute || flag === "redirect" ? 302 : 0;
  const keepArgs = !source.endsWith("?");
  if (!keepArgs) source = source.slice(0, -1);
  const question = source.indexOf("?");
  const place = args.words[1]!.place;
  const path = args.compile(question < 0 ? source : source.slice(0, question), place);
  const query = question < 0 ? undefined : args.compile(source.slice(question + 1), place);

  return (request) => {
    const captures = pattern.match(request.uri, request);
    const logs = rewrite.of(request).rewrite_log;
    if (logs) request.log("notice", `"${pattern.source}" ${captures ? "matches" : "does not match"} "${request.uri}"`);
    if (!captures) return next;
    const newArgs = rewrittenArgs(request, query && escaped(request, captures, query.evaluate), keepArgs);
    if (status > 0) {
      const target = unescapeRedirect(escaped(request, captures, path.evaluate));
      request.response.location = newArgs === "" ? target : `${target}?${newArgs}`;
      if (logs) request.log("notice", `rewritten redirect: "${request.response.location}"`);
      return status;
    }
    request.captures = captures;
    const uri = path.evaluate(request);
    if (uri === "") {
      request.log("error", "the rewritten URI has a zero length");
      return 500;
    }
    request.uri = uri;
    request.rewritten = true;
    request.internal = true; // the configuration chose this URI
    request.args = newArgs;
    request.hasArgs = newArgs !== "";
    request.uriChanged = flag !== "break";
    if (logs) request.log("notice", `rewritten data: "${uri}", args: "${newArgs}"`);
    return flag === "" ? next : leave;
  };
}

/** In a redirect and in arguments, what was captured from the decoded URI has to be escaped again. */
function escaped(
  request: Request,
  captures: readonly (string | undefined)[],
  evaluate: (request: Request) => string,
): string {
  request.captures = captures.map((capture) => capture && escapeArgs(capture));
  const text = evaluate(request);
  request.captures = captures;
  return text;
}

function rewrittenArgs(request: Request, args: string | undefined, keep: boolean): string {
  if (args === undefined) return keep ? request.args : "";
  return keep && request.args !== "" ? `${args}&${request.args}` : args;
}
