import type { Arguments } from "../../core/arguments.ts";
import { type ComplexValue, constantValue } from "../../core/complex.ts";
import type { Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { bytesOf } from "../../std/bytestring.ts";
import { setContentType } from "../core/content_type.ts";
import type { Operation } from "./program.ts";

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** `return 204;` `return 301 URL;` `return 200 "text";` `return URL;` */
export function readReturn(args: Arguments): Operation {
  const first = args.text(0);
  if (args.count === 1 && /^(?:https?:\/\/|\$scheme)/.test(first)) {
    const url = args.complex(0);
    return (request) => redirect(request, 302, url.evaluate(request));
  }
  if (!/^[1-9]\d\d$/.test(first))
    throw args.wrong(0, `invalid return code "${first}"`, "a status from 100 to 999, or a URL");
  const status = Number(first);
  if (args.count === 1) return status >= 400 ? () => status : (request) => sendText(request, status, constantValue(""));
  const text = args.complex(1);
  if (redirects.has(status)) return (request) => redirect(request, status, text.evaluate(request));
  return (request) => sendText(request, status, text);
}

function redirect(request: Request, status: number, location: string): Verdict {
  request.response.location = location;
  return status;
}

function sendText(request: Request, status: number, text: ComplexValue): Verdict {
  if (redirects.has(status)) return status;
  request.response.status = status;
  setContentType(request);
  return request.respond(bytesOf(text.evaluate(request))) as Verdict;
}
