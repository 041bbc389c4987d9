import type { Request } from "../core/request.ts";
import { core } from "../modules/core/core.ts";

/**
 * Settles, when the head is about to go, whether the connection carries another request, and for how long it may
 * idle.
 */
export function settleKeepalive(request: Request): void {
  const conf = core.of(request);
  const { exchange } = request;
  const { connection } = exchange;
  const { timeoutMs } = conf.keepalive_timeout;
  request.keepalive &&=
    exchange.keepalive &&
    !connection.closing &&
    timeoutMs > 0 &&
    // Nobody can tell whether a body follows that was not asked for.
    !(exchange.hasBody && request.body.withheld) &&
    connection.requests < conf.keepalive_requests &&
    request.startMs - connection.startMs < conf.keepalive_time &&
    !isBrokenBrowser(request, conf.keepalive_disable);
  exchange.limits(timeoutMs, conf.send_timeout, conf.reset_timedout_connection);
}

/** `keepalive_disable`: browsers of old that lost requests on a kept connection. */
function isBrokenBrowser(request: Request, disabled: readonly string[]): boolean {
  const old = request.method === "POST" && disabled.includes("msie6");
  const safari = disabled.includes("safari");
  if (!old && !safari) return false;
  const agent = request.header("user-agent") ?? "";
  if (old && /MSIE [1-6]\./.test(agent) && !agent.includes("Opera")) return true;
  return safari && agent.includes("Mac OS X") && agent.includes("Safari/") && !agent.includes("Chrome/");
}
