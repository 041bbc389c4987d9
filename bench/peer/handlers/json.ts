import type { Ngx } from "resty";

export default (ngx: Ngx) => ({
  user_id: ngx.req.getUriArgs()["user_id"] ?? "anonymous",
  user_agent: ngx.req.getHeaders()["user-agent"],
  timestamp: ngx.time(),
});
