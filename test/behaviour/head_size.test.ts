import { block } from "../lib/index.ts";

block("a head may be longer than the runtime's own limit", {
  server: 'large_client_header_buffers 4 32k; location / { return 200 "ok"; }',
  steps: [{ get: "/", headers: { "X-Long": "x".repeat(20_000) }, status: 200, body: "ok" }],
});
