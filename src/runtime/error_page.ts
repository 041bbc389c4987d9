import { CLOSE, DONE, ERROR, type Verdict } from "../core/phase.ts";
import type { Request } from "../core/request.ts";
import { reasonPhrase } from "../core/status.ts";
import { core } from "../modules/core/core.ts";
import type { ErrorPage } from "../modules/core/error_page.ts";
import { serverName } from "./head.ts";
import { respond } from "./send.ts";

/** nginx's own code for a client that went away before the answer; logged, never sent. */
export const clientClosedRequest = 499;

/** Answers `status` (200 to 599) for a request that no handler answered: by `error_page`, else by a page of our own. */
export function answerStatus(request: Request, status: number): Verdict | Promise<Verdict> {
  const { response } = request;
  if (request.headSent) return ERROR; // too late for a page: the client sees the connection end early
  // To a client that was too slow nothing is said either, as in nginx: the log has it.
  if (status === CLOSE || status === clientClosedRequest || status === 408) {
    response.status = status;
    return ERROR;
  }
  request.unanswered = true;
  if (mustClose(status)) request.keepalive = false;
  const conf = core.of(request);
  const page = status >= 300 ? conf.errorPages.get(status) : undefined;
  if (page && !request.errorPageTaken) {
    request.errorPageTaken = !conf.recursive_error_pages;
    return configuredPage(request, status, page);
  }
  return ownPage(request, status);
}

/** After these the rest of the request cannot be told from the next one. */
function mustClose(status: number): boolean {
  return status === 400 || status === 413 || status === 414 || status === 500 || status === 501;
}

function configuredPage(request: Request, status: number, page: ErrorPage): Verdict | Promise<Verdict> {
  const { response } = request;
  const target = page.target.evaluate(request);
  const location = response.location;
  response.clear();
  response.location = location;
  request.errorStatus = page.answer === "keep" ? status : page.answer === "page" ? 0 : page.answer;
  if (target.startsWith("@")) return request.redirectNamed(target);
  if (target.startsWith("/")) {
    const question = target.indexOf("?");
    if (request.method !== "HEAD") request.method = "GET";
    return question < 0
      ? request.redirect(target, undefined)
      : request.redirect(target.slice(0, question), target.slice(question + 1));
  }
  const redirect = request.errorStatus;
  request.errorStatus = 0;
  response.location = target;
  return ownPage(request, [301, 302, 303, 307, 308].includes(redirect) ? redirect : 302);
}

function ownPage(request: Request, reported: number): Verdict | Promise<Verdict> {
  const { response } = request;
  const special = specialTitles[reported];
  const status = special === undefined ? reported : 400;
  const { location } = response;
  const kept = response.headers.flat.slice();
  response.clear();
  response.location = location;
  // What a module added for this very status (WWW-Authenticate, Allow, Retry-After) belongs to the page too.
  response.headers.flat.push(...kept);
  request.errorStatus = 0;
  response.status = status;
  if (status < 300 || status === 304 || reasonPhrase(status) === "") return respond(request, undefined);
  response.contentType = "text/html";
  return respond(request, pageText(status, serverName(request), special));
}

const pages = new Map<string, string>();
/** Where nginx's page says something else than its status line. */
const titles: Readonly<Record<number, string>> = { 302: "Found", 401: "Authorization Required" };

/** nginx's own statuses, which `error_page` can name; the client is told 400. */
const specialTitles: Readonly<Record<number, string>> = {
  494: "Request Header Or Cookie Too Large",
  495: "The SSL certificate error",
  496: "No required SSL certificate was sent",
  497: "The plain HTTP request was sent to HTTPS port",
};

/** @param special Says more than the status, below it. */
function pageText(status: number, server: string, special: string | undefined): string {
  const key = `${status} ${server} ${special}`;
  let page = pages.get(key);
  if (page === undefined) {
    const heading = `${status} ${titles[status] ?? reasonPhrase(status)}`;
    const more = special === undefined ? "" : `<center>${special}</center>\r\n`;
    page =
      `<html>\r\n<head><title>${special === undefined ? heading : `${status} ${special}`}</title></head>\r\n` +
      `<body>\r\n<center><h1>${heading}</h1></center>\r\n${more}` +
      `<hr><center>${server}</center>\r\n</body>\r\n</html>\r\n`;
    pages.set(key, page);
  }
  return page;
}

/** Nothing more can be said to this client. */
export function drop(request: Request): Verdict {
  request.exchange.abort(request.response.status === CLOSE && core.of(request).reset_timedout_connection);
  return DONE;
}
