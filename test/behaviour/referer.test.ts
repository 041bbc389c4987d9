import { block } from "../lib/index.ts";

const from = (referer: string) => ({ headers: { Referer: referer } });

block("names, wildcards, paths, expressions, none and blocked", {
  server: `
    server_name www.example.com ~^mirror\\d+\\.example\\.net$;
    valid_referers none blocked server_names *.example.org example.edu/dir/ ~google\\. ;
    location / { return 200 "[$invalid_referer]"; }
  `,
  steps: [
    { get: "/", body: "[]" },
    { get: "/", ...from("http://www.example.com/page"), body: "[]" },
    { get: "/", ...from("HTTPS://WWW.example.com:8080"), body: "[]" },
    { get: "/", ...from("http://mirror7.example.net/"), body: "[]" },
    { get: "/", ...from("http://a.example.org/"), body: "[]" },
    { get: "/", ...from("http://example.org/"), body: "[1]" },
    { get: "/", ...from("http://example.edu/dir/page"), body: "[]" },
    { get: "/", ...from("http://example.edu/other"), body: "[1]" },
    { get: "/", ...from("http://www.google.com/"), body: "[]" },
    { get: "/", ...from("blocked by a proxy"), body: "[]" },
    { get: "/", ...from("http://elsewhere.example/"), body: "[1]" },
  ],
});

block("without none and blocked", {
  server: 'valid_referers example.com; location / { return 200 "[$invalid_referer]"; }',
  steps: [
    { get: "/", body: "[1]" },
    { get: "/", ...from("nothing"), body: "[1]" },
    { get: "/", ...from("http://example.com"), body: "[]" },
  ],
});

block("none alone makes no sense", {
  server: "valid_referers none;",
  refused: [
    'the "none" or "blocked" referers are specified in the "valid_referers" directive without any valid referer',
  ],
});
