// Every function of lua-nginx-module's documentation, by name: it is there in camelCase, or the page says what to use
// instead.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { isNginx, start } from "../lib/index.ts";

/** What the name becomes where camelCase alone does not say it. */
const renamed: Readonly<Record<string, string>> = {
  "ngx.var.VARIABLE": "ngx.var",
  "ngx.header.HEADER": "ngx.header",
  "ngx.shared.DICT": "ngx.shared.dogs",
  "ngx.socket.stream": "ngx.socket.tcp",
  "ngx.semaphore": "ngx.semaphore.new",
};

const functions = `
  ngx.arg ngx.var.VARIABLE ngx.ctx ngx.status ngx.header.HEADER ngx.headers_sent ngx.is_subrequest ngx.get_phase ngx.on_abort
  ngx.location.capture ngx.location.capture_multi ngx.exec ngx.redirect ngx.exit ngx.eof ngx.sleep ngx.send_headers
  ngx.print ngx.say ngx.log ngx.flush ngx.resp.get_headers
  ngx.req.is_internal ngx.req.start_time ngx.req.http_version ngx.req.raw_header ngx.req.get_method ngx.req.set_method
  ngx.req.set_uri ngx.req.set_uri_args ngx.req.get_uri_args ngx.req.get_post_args ngx.req.get_headers ngx.req.set_header
  ngx.req.clear_header ngx.req.read_body ngx.req.discard_body ngx.req.get_body_data ngx.req.get_body_file
  ngx.req.set_body_data ngx.req.set_body_file ngx.req.init_body ngx.req.append_body ngx.req.finish_body ngx.req.socket
  ngx.escape_uri ngx.unescape_uri ngx.encode_args ngx.decode_args ngx.encode_base64 ngx.decode_base64
  ngx.decode_base64mime ngx.crc32_short ngx.crc32_long ngx.hmac_sha1 ngx.md5 ngx.md5_bin ngx.sha1_bin ngx.quote_sql_str
  ngx.today ngx.time ngx.now ngx.update_time ngx.localtime ngx.utctime ngx.cookie_time ngx.http_time ngx.parse_http_time
  ngx.re.match ngx.re.find ngx.re.gmatch ngx.re.sub ngx.re.gsub
  ngx.shared.DICT.get ngx.shared.DICT.get_stale ngx.shared.DICT.set ngx.shared.DICT.safe_set ngx.shared.DICT.add
  ngx.shared.DICT.safe_add ngx.shared.DICT.replace ngx.shared.DICT.delete ngx.shared.DICT.incr ngx.shared.DICT.lpush
  ngx.shared.DICT.rpush ngx.shared.DICT.lpop ngx.shared.DICT.rpop ngx.shared.DICT.llen ngx.shared.DICT.ttl
  ngx.shared.DICT.expire ngx.shared.DICT.flush_all ngx.shared.DICT.flush_expired ngx.shared.DICT.get_keys
  ngx.shared.DICT.capacity ngx.shared.DICT.free_space
  ngx.socket.udp ngx.socket.tcp ngx.socket.stream ngx.socket.connect
  ngx.timer.at ngx.timer.every ngx.timer.running_count ngx.timer.pending_count
  ngx.config.subsystem ngx.config.debug ngx.config.prefix ngx.config.nginx_version ngx.config.nginx_configure
  ngx.config.ngx_lua_version ngx.worker.exiting ngx.worker.pid ngx.worker.pids ngx.worker.count ngx.worker.id
  ngx.semaphore ngx.balancer ngx.ssl ngx.ocsp ndk.set_var.DIRECTIVE ngx.run_worker_thread print
  ngx.thread.spawn ngx.thread.wait ngx.thread.kill coroutine.create coroutine.resume coroutine.yield coroutine.wrap
  coroutine.running coroutine.status
  tcpsock:bind tcpsock:connect tcpsock:getfd tcpsock:setclientcert tcpsock:settrustedstore tcpsock:sslhandshake
  tcpsock:getsslpointer tcpsock:getsslctx tcpsock:getsslsession tcpsock:send tcpsock:receive tcpsock:receiveany
  tcpsock:receiveuntil tcpsock:close tcpsock:settimeout tcpsock:settimeouts tcpsock:setoption tcpsock:setkeepalive
  tcpsock:getreusedtimes udpsock:bind udpsock:setpeername udpsock:send udpsock:receive udpsock:close udpsock:settimeout
`
  .trim()
  .split(/\s+/);

/** Sockets' methods are written without any mark of where a word begins. */
function here(name: string): string {
  for (const [pattern, ours] of Object.entries(renamed)) if (name === pattern) return ours;
  const [socket, method] = name.split(":");
  if (method) return `ngx.socket.${socket!.slice(0, 3)}() ${method}`;
  return name
    .replace(".DICT.", ".dogs.")
    .replace("base64mime", "base64_mime")
    .replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

test.skipIf(isNginx)("each function is there, or the page says what is instead", async () => {
  await using server = await start({
    http: "shared_dict dogs 1m;",
    server: `location = /there { content_by_ts_block {
      const found = (await ngx.req.json()).filter((path) => {
        if (path === "ngx.arg") return true; // of other phases
        const [socket, method] = path.split(" ");
        if (!method) return path.split(".").slice(1).reduce((at, name) => at?.[name], path.startsWith("ngx.") ? ngx : undefined) !== undefined;
        const made = ngx.socket[socket.includes("tcp") ? "tcp" : "udp"]();
        return Object.getOwnPropertyNames(Object.getPrototypeOf(made)).some((name) => name.toLowerCase() === method);
      });
      return found;
    } }`,
  });
  const response = await server.get("/there", { method: "POST", body: JSON.stringify(functions.map(here)) });
  const found = new Set((await response.json()) as string[]);
  expect(found.size).toBeGreaterThan(100);
  const page = await Bun.file(join(import.meta.dir, "../../src/ngx/README.md")).text();
  const [, instead = ""] = page.split("Not carried over:");
  const isExplained = (name: string): boolean => {
    const [whole = "", family = "", last = ""] = /^(.*[.:])?(\w+)$/.exec(name) ?? [];
    return instead.split("\n").some((row) => {
      const [, names = ""] = row.split("|");
      return (
        names.includes(`\`${whole}\``) ||
        (names.includes(`\`${family}`) && names.includes(`\`${last}\``)) ||
        names.includes(`\`${family}*\``)
      );
    });
  };
  expect(functions.filter((name) => !found.has(here(name)) && !isExplained(name))).toEqual([]);
  // A row of the page about something that has come since would be wrong.
  expect(functions.filter((name) => found.has(here(name)) && isExplained(name))).toEqual([]);
});
