import type { Sink } from "../core/body.ts";
import type { Request } from "../core/request.ts";
import { core } from "../modules/core/core.ts";
import { parseOffset } from "../std/units.ts";

const pieceBytes = 16 * 1024;

/**
 * `limit_rate`: holds the body back so that no more than so many bytes a second leave, after the first
 * `limit_rate_after`.
 */
export function paced(request: Request, next: Sink): Sink {
  const startMs = Date.now();
  const free = parseOffset(core.of(request).limit_rate_after.evaluate(request)) ?? 0;
  let sent = 0;
  return async (chunk, last) => {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    if (bytes.length === 0) return next(chunk, last);
    for (let at = 0; at < bytes.length;) {
      const rate = request.limitRate ?? 0;
      if (rate > 0) {
        const allowedBytes = free + (rate * (Date.now() - startMs)) / 1000;
        const waitMs = ((sent - allowedBytes) * 1000) / rate;
        if (waitMs > 0) await Bun.sleep(Math.max(1, Math.ceil(waitMs)));
      }
      const size = rate > 0 ? Math.min(pieceBytes, Math.max(1, rate), bytes.length - at) : bytes.length - at;
      const pending = next(bytes.subarray(at, at + size), last && at + size === bytes.length);
      if (pending) await pending;
      sent += size;
      at += size;
    }
  };
}
