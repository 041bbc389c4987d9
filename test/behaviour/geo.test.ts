import { block } from "../lib/index.ts";

block("networks, of the client or of a variable", {
  http: `
    geo $mine { default no; 127.0.0.0/8 yes; }
    geo $arg_a $net {
      default none; 10.0.0.0/8 big; 10.1.0.0/16 small; 10.1.2.0/24 tiny; delete 10.1.2.0/24;
      2001:db8::/32 six; include more.geo;
    }
    geo $arg_a $range { ranges; default none; 10.0.0.0-10.255.255.255 big; 10.1.0.0-10.1.0.9 small; }
    geo $arg_a $bare { 10.0.0.0/8 x; }
  `,
  server: 'location / { return 200 "$mine $net $range [$bare]"; }',
  files: { "/conf/more.geo": "192.0.2.1 included;\n" },
  steps: [
    { get: "/?a=10.2.0.1", body: "yes big big [x]" },
    { get: "/?a=10.1.0.9", body: "yes small small [x]" },
    { get: "/?a=10.1.2.3", body: "yes small big [x]" },
    { get: "/?a=2001:db8::1", body: "yes six none []" },
    { get: "/?a=192.0.2.1", body: "yes included none []" },
    { get: "/?a=nothing", body: "yes none none []" },
    { get: "/", body: "yes none none []" },
  ],
});

block("behind proxies", {
  http: `
    geo $one { proxy 127.0.0.1; default none; 192.0.2.0/24 near; 198.51.100.0/24 far; }
    geo $all { proxy 127.0.0.1; proxy 192.0.2.0/24; proxy_recursive; default none; 192.0.2.0/24 near; 198.51.100.0/24 far; }
  `,
  server: 'location / { return 200 "$one $all"; }',
  steps: [
    { get: "/", body: "none none" },
    { get: "/", headers: { "X-Forwarded-For": "198.51.100.1, 192.0.2.1" }, body: "near far" },
  ],
});

const geo = (entries: string) => ({ http: `geo $x { ${entries} }` });
block("no network", { ...geo("10.0.0/8 a;"), refused: ['invalid network "10.0.0/8"'] });
block("no range", { ...geo("ranges; 10.0.0.1 a;"), refused: ['invalid range "10.0.0.1"'] });
block("ranges too late", {
  ...geo("10.0.0.1 a; ranges;"),
  refused: ['the "ranges" directive must be the first directive inside "geo" block'],
});
block("ranges that cross", {
  ...geo("ranges; 10.0.0.1-10.0.0.9 a; 10.0.0.5-10.0.0.20 b;"),
  refused: ['range "10.0.0.5-10.0.0.20" overlaps "10.0.0.1-10.0.0.9"'],
});
