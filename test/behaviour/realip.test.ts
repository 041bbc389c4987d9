import { block } from "../lib/index.ts";

const answer = 'return 200 "$remote_addr:$remote_port $realip_remote_addr";';

block("the address that a trusted proxy reports", {
  server: `
    set_real_ip_from 127.0.0.0/8;
    set_real_ip_from 192.0.2.0/24;
    location / { ${answer} }
  `,
  steps: [
    { get: "/", body: /^127\.0\.0\.1:\d+ 127\.0\.0\.1$/ },
    { get: "/", headers: { "X-Real-IP": "198.51.100.7" }, body: "198.51.100.7: 127.0.0.1" },
    { get: "/", headers: { "X-Real-IP": "198.51.100.7:8080" }, body: "198.51.100.7:8080 127.0.0.1" },
    { get: "/", headers: { "X-Real-IP": "[2001:DB8::7]:80" }, body: "2001:db8::7:80 127.0.0.1" },
    { get: "/", headers: { "X-Real-IP": "nobody" }, body: /^127\.0\.0\.1:\d+ 127\.0\.0\.1$/ },
  ],
  accessLog: [/^198\.51\.100\.7 - - /m],
});

block("a chain of proxies", {
  http: "set_real_ip_from 127.0.0.1; set_real_ip_from 192.0.2.0/24; real_ip_header X-Forwarded-For;",
  server: `
    listen 127.0.0.1:%port%;
    location / { ${answer} }
  }
  server {
    listen 127.0.0.1:%port_deep%;
    real_ip_recursive on;
    location / { ${answer} }
  `,
  steps: [
    { get: "/", headers: { "X-Forwarded-For": "198.51.100.7, 192.0.2.1" }, body: "192.0.2.1: 127.0.0.1" },
    {
      get: "/",
      port: "deep",
      headers: { "X-Forwarded-For": "203.0.113.1, 198.51.100.7, 192.0.2.1" },
      body: "198.51.100.7: 127.0.0.1",
    },
    {
      get: "/",
      port: "deep",
      headers: { "X-Forwarded-For": ["198.51.100.7", "192.0.2.2, 192.0.2.1"] },
      body: "198.51.100.7: 127.0.0.1",
    },
  ],
});

block("rules look at the address that was found; a location may say where from", {
  server: "location /x/ { alias html/; set_real_ip_from 127.0.0.1; real_ip_header X-Client; deny 198.51.100.0/24; }",
  files: { "a.html": "ok" },
  steps: [
    { get: "/x/a.html", status: 200 },
    { get: "/x/a.html", headers: { "X-Client": "198.51.100.7" }, status: 403 },
  ],
  errorLog: [/access forbidden by rule, client: 198\.51\.100\.7, /],
});

block("a name stands for its addresses", {
  server: `set_real_ip_from localhost; location / { ${answer} }`,
  steps: [{ get: "/", headers: { "X-Real-IP": "198.51.100.7" }, body: "198.51.100.7: 127.0.0.1" }],
});

block("a name that nobody has", {
  server: "set_real_ip_from nobody.invalid;",
  refused: ['host not found in set_real_ip_from "nobody.invalid"'],
});
