import { block } from "../lib/index.ts";

// A row per sentence of https://nginx.org/en/docs/http/ngx_http_core_module.html#location: the locations, a target,
// the one that answers, and the sentence.
const rows: readonly (readonly [locations: readonly string[], target: string, answers: string, why: string])[] = [
  [["= /", "/"], "/", "= /", "an exact match ends the search"],
  [["= /", "/"], "/index.html", "/", "an exact match matches nothing else"],
  [["/", "/documents/"], "/documents/document.html", "/documents/", "the longest prefix is remembered"],
  [
    ["/documents/", "~* \\.(gif|jpg|jpeg)$"],
    "/documents/1.jpg",
    "~* \\.(gif|jpg|jpeg)$",
    "a regex beats a plain prefix",
  ],
  [
    ["^~ /images/", "~* \\.(gif|jpg|jpeg)$"],
    "/images/1.gif",
    "^~ /images/",
    "^~ keeps regular expressions from being checked",
  ],
  [["~ \\.ts$", "~ ^/api"], "/api/app.ts", "~ \\.ts$", "the first regular expression in the file wins"],
  [
    ["~ ^/api", "~ \\.ts$"],
    "/api/app.ts",
    "~ ^/api",
    "the first regular expression in the file wins, the other way round",
  ],
  [["/", "~ \\.PNG$"], "/a.png", "/", "~ minds the case"],
  [["/", "~* \\.PNG$"], "/a.png", "~* \\.PNG$", "~* does not"],
  [["/a b"], "/a%20b", "/a b", "matching is against the normalised URI, decoded"],
  [["/b"], "/a/../b", "/b", "dot segments are resolved first"],
  [["/a/b"], "/a//b", "/a/b", "adjacent slashes are merged first"],
  [["= /a", "/a"], "/a?x=1", "= /a", "arguments take no part"],
];

const quoted = (location: string) =>
  location.replace(/^((?:=|\^~|~\*?) )?(.*)$/, (_, sign = "", name) => `${sign}"${name}"`);

for (const [locations, get, answers, why] of rows)
  block(why, {
    server: locations
      .map((location) => `location ${quoted(location)} { return 200 '${location.replaceAll("$", "")}'; }`)
      .join("\n"),
    steps: [{ get, status: 200, body: answers.replaceAll("$", "") }],
  });

block("inside the prefix that was found, nested locations are searched the same way", {
  server: `
    location /a { return 200 outer; location ~ /x$ { return 200 nested-regex; } location /a/b { return 200 nested-prefix; } }
    location ~ /y$ { return 200 outer-regex; }
    location ^~ /n { return 200 no-regex; location ~ /z$ { return 200 nested-in-no-regex; } }
  `,
  steps: [
    { get: "/a/x", body: "nested-regex" },
    { get: "/a/b/c", body: "nested-prefix" },
    { get: "/a/y", body: "outer-regex" },
    { get: "/a/q", body: "outer" },
    { get: "/n/y", body: "no-regex" },
    { get: "/n/z", body: "nested-in-no-regex" },
  ],
});

for (const [what, server, words] of [
  ["a location twice", "location /a { } location /a { }", 'duplicate location "/a"'],
  ["a prefix with both signs", "location /a { } location ^~ /a { }", 'duplicate location "/a"'],
  ["a prefix outside its parent", "location /a { location /b { } }", 'location "/b" is outside location "/a"'],
  ["a location in an exact one", "location = /a { location /a/b { } }", 'cannot be inside the exact location "/a"'],
  ["a location in a named one", "location @a { location /b { } }", 'cannot be inside the named location "@a"'],
  ["a named location in another", "location /a { location @b { } }", "on the server level only"],
  ["an unknown sign", "location =~ /a { }", 'invalid location modifier "=~"'],
] as const)
  block(`${what} is refused`, { server, refused: [words] });
