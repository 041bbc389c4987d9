import { block } from "../lib/index.ts";

const uid = Buffer.from("0102030405060708090a0b0c0d0e0f10", "hex");
const cookie = (text: string) => ({ headers: { Cookie: `a=b; uid=${text}` } });

block("a client without the cookie gets one, one with it keeps it", {
  server: `
    userid on;
    add_header X-Got "$uid_got";
    add_header X-Set "$uid_set";
    location / { }
    location /v1 { userid v1; userid_service 1; userid_path /v1; alias html/a.html; }
    location /full { userid_name id; userid_domain example.com; userid_expires max; userid_flags secure samesite=lax; userid_p3p "policy"; alias html/a.html; }
    location /log { userid log; alias html/a.html; }
    location /mark { userid_mark t; alias html/a.html; }
    location /reset { set $uid_reset log; alias html/a.html; }
  `,
  files: { "a.html": "ok" },
  steps: [
    {
      get: "/a.html",
      headersOut: { "Set-Cookie": /^uid=fwAAA[A-Za-z0-9+/]{17}==; path=\/$/, "X-Set": /^uid=0100007F[0-9A-F]{24}$/ },
    },
    { get: "/v1", headersOut: { "Set-Cookie": /^uid=AQAAA.*; path=\/v1$/, "X-Set": /^uid=00000001/ } },
    {
      get: "/full",
      headersOut: {
        "Set-Cookie":
          /^id=.{24}; expires=Thu, 31-Dec-37 23:55:55 GMT; domain=example\.com; path=\/; secure; samesite=lax$/,
        P3P: "policy",
      },
    },
    {
      get: "/log",
      ...cookie(uid.toString("base64")),
      headersOut: { "Set-Cookie": null, "X-Got": "uid=04030201080706050C0B0A09100F0E0D" },
    },
    { get: "/a.html", ...cookie(uid.toString("base64")), headersOut: { "Set-Cookie": null } },
    {
      get: "/mark",
      ...cookie(uid.toString("base64")),
      headersOut: { "Set-Cookie": `uid=${uid.toString("base64").slice(0, 22)}t=; path=/` },
    },
    { get: "/mark", ...cookie(`${uid.toString("base64").slice(0, 22)}t=`), headersOut: { "Set-Cookie": null } },
    { get: "/reset", ...cookie(uid.toString("base64")), headersOut: { "Set-Cookie": /^uid=fwAAA/ } },
    { get: "/a.html", ...cookie("short"), headersOut: { "Set-Cookie": /^uid=fwAAA/ } },
  ],
  errorLog: [
    /client sent too short userid cookie "a=b; uid=short"/,
    /\[notice\] .* userid cookie "uid=04030201080706050C0B0A09100F0E0D" was reset/,
  ],
  main: "error_log logs/error.log notice;",
});
