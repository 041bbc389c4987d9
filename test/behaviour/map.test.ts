import { block } from "../lib/index.ts";

block("exact keys without case, expressions in their order, the default", {
  http: `
    map $arg_x $kind {
      default     other;
      ""          none;
      One         first;
      \\default    "the word";
      ~^a(.*)$    "a then $1";
      ~*^b(?<rest>.*)$ "b then $rest";
      ~a          late;
      include     more.map;
    }
    map $kind $empty { never x; }
  `,
  server: 'location / { return 200 "$kind[$empty]"; }',
  files: { "/conf/more.map": "two second;\n" },
  steps: [
    { get: "/", body: "none[]" },
    { get: "/?x=ONE", body: "first[]" },
    { get: "/?x=two", body: "second[]" },
    { get: "/?x=default", body: "the word[]" },
    { get: "/?x=abc", body: "a then bc[]" },
    { get: "/?x=Bc", body: "b then c[]" },
    { get: "/?x=xa", body: "late[]" },
    { get: "/?x=9", body: "other[]" },
  ],
});

block("host names with wildcards", {
  http: `
    map $arg_x $site {
      hostnames;
      default none;
      example.com exact;
      *.example.com below;
      .example.org both;
      www.example.* any;
    }
  `,
  server: 'location / { return 200 "$site"; }',
  steps: [
    { get: "/?x=example.com", body: "exact" },
    { get: "/?x=EXAMPLE.COM.", body: "exact" },
    { get: "/?x=a.b.example.com", body: "below" },
    { get: "/?x=example.org", body: "both" },
    { get: "/?x=a.example.org", body: "both" },
    { get: "/?x=www.example.net", body: "any" },
    { get: "/?x=example.net", body: "none" },
  ],
});

block("a value is computed once a request, a volatile one each time", {
  http: "map $uri $once { ~(.*) $1; } map $uri $again { volatile; ~(.*) $1; }",
  server:
    'location / { set $before "$once $again"; rewrite ^ /new; } location /new { return 200 "$before $once $again"; }',
  steps: [{ get: "/old", body: "/old /old /old /new" }],
});

const map = (entry: string) => ({ http: `map $uri $x { ${entry} }`, server: "" });
block("a default twice", { ...map("default a; default b;"), refused: ["duplicate default map parameter"] });
block("a key twice", { ...map("/A a; /a b;"), refused: ['conflicting parameter "/a"'] });
block("no value", { ...map("/a;"), refused: ["invalid number of the map parameters"] });
block("a wildcard in the middle", { ...map("hostnames; a.*.b a;"), refused: ['invalid hostname or wildcard "a.*.b"'] });
