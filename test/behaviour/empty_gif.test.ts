import { expect } from "bun:test";
import { block } from "../lib/index.ts";

block("one pixel", {
  server: "location = /pixel.gif { empty_gif; }",
  steps: [
    {
      get: "/pixel.gif",
      status: 200,
      headersOut: {
        "content-type": "image/gif",
        "content-length": "43",
        "last-modified": "Mon, 28 Sep 1970 06:00:00 GMT",
        etag: null,
      },
      check: (answer) =>
        expect(Buffer.from(answer.bytes).toString("base64")).toBe(
          "R0lGODlhAQABAIABAAAAAP///yH5BAEAAAEALAAAAAABAAEAAAICTAEAOw==",
        ),
    },
    { head: "/pixel.gif", status: 200, headersOut: { "content-length": "43" } },
    { post: "/pixel.gif", send: "x", status: 405 },
    { get: "/pixel.gif", headers: { "If-Modified-Since": "Mon, 28 Sep 1970 06:00:00 GMT" }, status: 304 },
  ],
});
