import { block } from "../lib/index.ts";

const page = "<html><head></head><body>Link: http://OLD.example/ old.example</body></html>";

block("replaces in pages of the types it is for", {
  server: `
    sub_filter "</head>" "<base href='$scheme://$host'></head>";
    sub_filter old.example new.example;
    location /all/ {
      alias html/;
      sub_filter old.example new.example;
      sub_filter_once off;
      sub_filter_last_modified on;
      sub_filter_types text/plain;
    }
    location /$arg/ { }
    location /var/ { alias html/; sub_filter $arg_from $arg_to; sub_filter_types *; }
  `,
  http: "types { text/html html; text/plain txt; image/png png; }",
  files: { "a.html": page, "a.txt": "old.example OLD.example", "a.png": "old.example", "empty.html": "" },
  steps: [
    {
      get: "/a.html",
      body: "<html><head><base href='http://localhost'></head><body>Link: http://new.example/ old.example</body></html>",
      headersOut: { "Last-Modified": null, ETag: null },
    },
    { get: "/all/a.txt", body: "new.example new.example", headersOut: { "Last-Modified": /GMT$/, ETag: /^W\/"/ } },
    { get: "/a.txt", body: "old.example OLD.example", headersOut: { "Content-Length": "23" } },
    { get: "/all/a.png", body: "old.example" },
    { get: "/var/a.png?from=OLD&to=new", body: "new.example" },
    { get: "/var/a.png", body: "old.example", headersOut: { "Content-Length": "11" } },
    { get: "/empty.html", status: 200, body: "" },
    { head: "/a.html", status: 200, headersOut: { ETag: null } },
  ],
});

block("a page that is larger than what is read at once", {
  server: "location / { sub_filter needle pin; sub_filter_once off; }",
  files: { "big.html": `${"hay ".repeat(50_000)}nee${"dle"}${" hay".repeat(50_000)}needle` },
  steps: [{ get: "/big.html", body: `${"hay ".repeat(50_000)}pin${" hay".repeat(50_000)}pin` }],
});

block("nothing to look for", { server: 'sub_filter "" x;', refused: ["empty search pattern"] });
