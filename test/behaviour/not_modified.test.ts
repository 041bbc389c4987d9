import { block, type Step } from "../lib/index.ts";

const date = "Sat, 03 Feb 2024 04:05:06 GMT";
const earlier = "Fri, 02 Feb 2024 04:05:06 GMT";
const later = "Sun, 04 Feb 2024 04:05:06 GMT";
const tag = '"65bdbb72-5"';
const files = { "a.html": { content: "hello", modified: new Date("2024-02-03T04:05:06Z") } };

const cases = (rows: readonly [headers: Record<string, string>, status: number][], path = "/a.html"): Step[] =>
  rows.map(([headers, status]) => ({ get: path, headers, status }));

block("If-None-Match and If-Modified-Since make a 304, If-Match and If-Unmodified-Since a 412", {
  files,
  server: "root html;",
  steps: [
    ...cases([
      [{ "If-None-Match": tag }, 304],
      [{ "If-None-Match": "*" }, 304],
      [{ "If-None-Match": `W/${tag}` }, 304],
      [{ "If-None-Match": `"x", ${tag}` }, 304],
      [{ "If-None-Match": `"x" ,\t${tag} , "y"` }, 304],
      [{ "If-None-Match": `"x",,${tag}` }, 304],
      [{ "If-None-Match": '"x"' }, 200],
      [{ "If-None-Match": `${tag}x` }, 200],
      [{ "If-None-Match": tag.slice(1, -1) }, 200],
      [{ "If-Modified-Since": date }, 304],
      [{ "If-Modified-Since": "Saturday, 03-Feb-24 04:05:06 GMT" }, 304],
      [{ "If-Modified-Since": "Sat Feb  3 04:05:06 2024" }, 304],
      [{ "If-Modified-Since": earlier }, 200],
      [{ "If-Modified-Since": later }, 200],
      [{ "If-Modified-Since": "yesterday" }, 200],
      [{ "If-Modified-Since": date, "If-None-Match": '"x"' }, 200],
      [{ "If-Modified-Since": earlier, "If-None-Match": tag }, 200],
      [{ "If-Modified-Since": date, "If-None-Match": tag }, 304],
      [{ "If-Match": tag }, 200],
      [{ "If-Match": "*" }, 200],
      [{ "If-Match": `W/${tag}` }, 412],
      [{ "If-Match": `"x", ${tag}` }, 200],
      [{ "If-Match": '"x"' }, 412],
      [{ "If-Unmodified-Since": date }, 200],
      [{ "If-Unmodified-Since": later }, 200],
      [{ "If-Unmodified-Since": earlier }, 412],
      [{ "If-Unmodified-Since": "never" }, 412],
    ]),
    {
      get: "/a.html",
      headers: { "If-None-Match": tag },
      status: 304,
      body: "",
      headersOut: {
        etag: tag,
        "last-modified": date,
        "content-length": null,
        "content-type": null,
        "accept-ranges": null,
      },
    },
    { get: "/a.html", headers: { "If-Match": '"x"' }, status: 412, headersOut: { etag: null, "last-modified": null } },
    { head: "/a.html", headers: { "If-None-Match": tag }, status: 304 },
    { get: "/none", headers: { "If-None-Match": "*" }, status: 404 },
  ],
});

block("if_modified_since and etag off", {
  files,
  server: `
    location /off/ { alias html/; if_modified_since off; }
    location /before/ { alias html/; if_modified_since before; }
    location /notag/ { alias html/; etag off; }
  `,
  steps: [
    ...cases([[{ "If-Modified-Since": date }, 200]], "/off/a.html"),
    ...cases([[{ "If-None-Match": tag }, 304]], "/off/a.html"),
    ...cases(
      [
        [{ "If-Modified-Since": later }, 304],
        [{ "If-Modified-Since": date }, 304],
        [{ "If-Modified-Since": earlier }, 200],
      ],
      "/before/a.html",
    ),
    ...cases(
      [
        [{ "If-None-Match": tag }, 200],
        [{ "If-Match": tag }, 412],
      ],
      "/notag/a.html",
    ),
  ],
});
