// Question: is an operation on a shared dictionary as fast as in lua_shared_dict, in the same run on the same machine?
// One nginx worker with the Lua module does in LuaJIT what dict.bench.ts does here. Processor time of the process is
// compared, compiler and collector included: the machine may have other work. Left out: contention.
//   bun bench/micro/dict_peer.ts        needs Debian's nginx and libnginx-mod-http-lua
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import micros from "./dict.bench.ts";
import type { Micro } from "./harness.ts";

const lua = `
  local ffi = require "ffi"
  ffi.cdef[[typedef struct { long s; long ns; } resty_time; int clock_gettime(int, resty_time *);]]
  local time = ffi.new("resty_time")
  local function now() ffi.C.clock_gettime(2, time) return tonumber(time.s) * 1e9 + tonumber(time.ns) end
  local dict, KEYS = ngx.shared.bench, 1024
  local function keys_of(first)
    local keys = {}
    for i = 0, KEYS - 1 do keys[i] = first .. "ession:" .. string.format("%024d", i) end
    return keys
  end
  local keys, missing, counters = keys_of("s"), keys_of("m"), keys_of("c")
  for i = 0, KEYS - 1 do dict:set(counters[i], 0) end
  local function bench(name, run)
    local times = 1
    while true do
      local began = now() run(times)
      local ms = (now() - began) / 1e6
      if ms >= 200 then break end
      times = ms < 10 and times * 4 or math.ceil(times * 220 / ms)
    end
    local runs = {}
    for i = 1, 7 do local began = now() run(times) runs[i] = (now() - began) / times end
    table.sort(runs)
    ngx.say(name, "\\t", runs[4])
  end
  for _, size in ipairs{{"64 B", 64}, {"200 B", 200}, {"1 KB", 1024}, {"10 KB", 10240}, {"1 MB", 1048576}} do
    local value, count = string.rep("v", size[2]), size[2] > 100000 and 16 or KEYS
    bench("set, " .. size[1], function(times)
      for i = 0, times - 1 do if not dict:set(keys[i % count], value) then error("set") end end
    end)
    bench("get, " .. size[1], function(times)
      for i = 0, times - 1 do if #dict:get(keys[i % count]) ~= size[2] then error("get") end end
    end)
  end
  bench("get, miss", function(times)
    for i = 0, times - 1 do if dict:get(missing[i % KEYS]) then error("miss") end end
  end)
  bench("incr", function(times)
    for i = 0, times - 1 do if not dict:incr(counters[i % KEYS], 1) then error("incr") end end
  end)
  bench("get, number", function(times)
    for i = 0, times - 1 do if not dict:get(counters[i % KEYS]) then error("number") end end
  end)
  local value = string.rep("v", 200)
  bench("set, 200 B, 300 s", function(times)
    for i = 0, times - 1 do if not dict:set(keys[i % KEYS], value, 300) then error("set") end end
  end)
  bench("set and delete", function(times)
    for i = 0, times - 1 do dict:set(missing[i % KEYS], i) dict:delete(missing[i % KEYS]) end
  end)
  local MANY, many = 65536, {}
  local function many_key(i) return "nession:" .. string.format("%024d", i) end
  for i = 0, MANY - 1 do dict:set(many_key(i), value) end
  for i = 0, MANY - 1 do many[i] = many_key(i * 40503 % MANY) end
  bench("get, 200 B of many", function(times)
    for i = 0, times - 1 do if #dict:get(many[i % MANY]) ~= 200 then error("get") end end
  end)
  bench("set, 200 B of many", function(times)
    for i = 0, times - 1 do if not dict:set(many[i % MANY], value) then error("set") end end
  end)
`;

/** Nanoseconds by name, as the peer measures them. */
async function measurePeer(): Promise<Map<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), "resty-peer-"));
  const socket = join(folder, "socket");
  mkdirSync(join(folder, "logs"));
  const modules = ["ndk_http", "ngx_http_lua"].map((name) => `load_module /usr/lib/nginx/modules/${name}_module.so;`);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/t;`,
  );
  writeFileSync(
    join(folder, "nginx.conf"),
    `${modules.join("\n")}
    daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/logs/error.log;
    events { worker_connections 64; }
    http {
      access_log off; lua_shared_dict bench 64m; ${temporary.join(" ")}
      server { listen unix:${socket}; location / { content_by_lua_block { ${lua} } } }
    }`,
  );
  const nginx = Bun.spawn({
    cmd: ["nginx", "-p", folder, "-c", join(folder, "nginx.conf")],
    stdio: ["ignore", "inherit", "inherit"],
  });
  try {
    const text = await retry(async () =>
      (await fetch("http://peer/", { unix: socket, timeout: false } as RequestInit)).text(),
    );
    const rows = text
      .trim()
      .split("\n")
      .map((line) => line.split("\t"));
    return new Map(rows.map(([name, ns]) => [name!, Number(ns)]));
  } finally {
    nginx.kill();
    await nginx.exited;
    rmSync(folder, { recursive: true });
  }
}

/** Until it listens. */
async function retry<T>(work: () => Promise<T>): Promise<T> {
  for (let left = 100; ; left--) {
    try {
      return await work();
    } catch (error) {
      if (left === 0) throw error;
      await Bun.sleep(20);
    }
  }
}

/** Nanoseconds of processor time for one operation, as the Lua above takes them. */
function measure(micro: Micro): number {
  const timed = (times: number): number => {
    const before = process.cpuUsage();
    micro.run(times);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
  let times = 1;
  for (let ms = timed(times); ms < 200; ms = timed(times)) times = ms < 10 ? times * 4 : Math.ceil((times * 220) / ms);
  const runs = Array.from({ length: 7 }, () => (timed(times) * 1e6) / times).sort((a, b) => a - b);
  return runs[3]!;
}

const peer = await measurePeer();
console.log(`${"".padEnd(20)} ${"resty".padStart(10)} ${"Lua".padStart(10)}   ratio`);
for (const micro of micros) {
  const theirs = peer.get(micro.name);
  if (theirs === undefined) continue;
  const medianNs = measure(micro);
  const ratio = (medianNs / theirs).toFixed(2);
  console.log(
    `${micro.name.padEnd(20)} ${medianNs.toFixed(0).padStart(7)} ns ${theirs.toFixed(0).padStart(7)} ns   ${ratio}`,
  );
}
