import { http2Servers, listenDeclarations } from "../../compile/listen.ts";
import { accepted, type Context, defineModule, flag } from "../../core/module.ts";

const contexts: readonly Context[] = ["http", "server"];

const unused = (why: string) => accepted({ contexts, why });

/** nginx's ngx_http_v2_module: HTTP/2 by ALPN, and without TLS to those who know. */
export const v2 = defineModule({
  name: "v2",
  directives: {
    http2: flag({ contexts, default: false }),
    http2_max_concurrent_streams: unused("the runtime allows 256"),
    http2_body_preread_size: unused("the runtime decides"),
    http2_recv_buffer_size: accepted({ contexts: ["http"], why: "the runtime decides" }),
    http2_chunk_size: accepted({ contexts: ["http", "server", "location"], why: "the runtime decides" }),
  },
  variables: {
    http2: (request) => (request.main.exchange.httpVersion === 20 ? "h2" : ""),
  },
  finish(cycle) {
    for (const { level } of cycle.get(listenDeclarations)) if (v2.at(level).http2) cycle.get(http2Servers).add(level);
  },
});
