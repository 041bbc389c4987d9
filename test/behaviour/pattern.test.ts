// Regular expressions as nginx, that is PCRE, reads them. Each block also holds with RESTY_BIN=nginx.
import { block } from "../lib/index.ts";

block("what JavaScript would read in another way", {
  server: String.raw`
    location ~ ^/atomic/(?>a+)(?<rest>.*)$ { return 200 "$rest|$1"; }
    location ~ ^/possessive/a++(a?)$ { return 200 "[$1]"; }
    location ~ "^/earlier/(?:(a)|b){2}$" { return 200 "[$1]"; }
    location ~ ^/posix/([[:alpha:]]+)([[:digit:]]*)$ { return 200 "$1,$2"; }
    location ~ ^/comment/(?#a?)(?i)a(?-i)b$ { return 200 "inline"; }
    location ~ (?x)^/extended/ # "a"
      { return 200 "extended"; }
    location ~ "\A/anchors/\z" { return 200 "anchors"; }
    location ~ ^/quoted/\Qa.b\E$ { return 200 "quoted"; }
    location ~ "^/named/(?P<a>.)(?'b'.)(?<c>.)(?P=a)$" { return 200 "$a$b$c"; }
    location ~ ^/end$ { return 200 "end"; }
    location ~ ^/dot/.$ { return 200 "dot"; }
    location ~ ^/space/\s$ { return 200 "space"; }
    location ~* ^/case/\xc3\xa9$ { return 200 "case"; }
    location / { return 404; }`,
  steps: [
    { get: "/atomic/aab", body: "b|b" },
    { get: "/possessive/aaa", body: "[]" },
    { get: "/possessive/b", status: 404 },
    { get: "/earlier/ab", body: "[a]" },
    { get: "/posix/abc12", body: "abc,12" },
    { get: "/posix/a%C3%A9", status: 404 },
    { get: "/comment/Ab", body: "inline" },
    { get: "/comment/AB", status: 404 },
    { get: "/extended/", body: "extended" },
    { get: "/anchors/", body: "anchors" },
    { get: "/anchors/%0A", status: 404 },
    { get: "/quoted/a.b", body: "quoted" },
    { get: "/quoted/acb", status: 404 },
    { get: "/named/xyzx", body: "xyz" },
    { get: "/end%0A", body: "end" },
    { get: "/end%0D", status: 404 },
    { get: "/dot/%0D", body: "dot" },
    { get: "/dot/%0A", status: 404 },
    // A letter of two bytes is two characters.
    { get: "/dot/%C3%A9", status: 404 },
    { get: "/space/%0B", body: "space" },
    { get: "/space/%A0", status: 404 },
    { get: "/case/%C3%A9", body: "case" },
    { get: "/case/%C3%89", status: 404 },
  ],
});

block("a subject that would keep a worker busy is given up, and the worker goes on", {
  server: String.raw`
    location ~ ^/(?:(a*)*)*b$ { return 200 "matched"; }
    location = /after { return 200 "after"; }`,
  steps: [
    { get: "/aab", body: "matched" },
    { get: `/${"a".repeat(200)}bc`, status: 500 },
    { get: "/after", body: "after" },
  ],
  allow: [/pcre2_match/],
  errorLog: [/pcre2_match\(\) failed: -47 on "\/a+bc" using "\^\/\(\?:\(a\*\)\*\)\*b\$"/],
});

block("a subject that only looks like that is matched", {
  alsoNginx: false,
  server: String.raw`location ~ ^/(a+)+$ { return 200 "matched"; } location / { return 404; }`,
  steps: [
    { get: `/${"a".repeat(5000)}b`, status: 404 },
    { get: `/${"a".repeat(5000)}`, body: "matched" },
  ],
});

for (const [pattern, message] of [
  ["^/(a", "missing closing parenthesis"],
  ["^/a)", "unmatched closing parenthesis"],
  ["[b-a]", "range out of order in character class"],
  ["(a)\\\\2", "reference to non-existent subpattern"],
  ["a**", "quantifier does not follow a repeatable item"],
] as const)
  block(`"${pattern}" is refused`, {
    server: `location ~ "${pattern}" { return 200; }`,
    refused: [`pcre2_compile() failed: ${message} in "${pattern.replace("\\\\", "\\")}"`],
  });

block("what PCRE has and this does not is refused by name", {
  alsoNginx: false,
  server: String.raw`location ~ "^/(\((?:[^()]|(?1))*\))$" { return 200; }`,
  refused: ["recursion is not supported"],
});
