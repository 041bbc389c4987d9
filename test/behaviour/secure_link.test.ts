import { block } from "../lib/index.ts";

const hash = (text: string) => new Bun.CryptoHasher("md5").update(text).digest("base64url").replace(/=+$/, "");
const past = 2147483;
const future = 4102444800;

block("a hash of the configuration's choice, with a time or without", {
  server: `
    location / {
      secure_link $arg_md5,$arg_e;
      secure_link_md5 "$secure_link_expires$uri secret";
      return 200 "[$secure_link][$secure_link_expires]";
    }
    location /plain {
      secure_link $arg_md5;
      secure_link_md5 "$uri secret";
      return 200 "[$secure_link][$secure_link_expires]";
    }
  `,
  steps: [
    { get: `/a?md5=${hash(`${future}/a secret`)}&e=${future}`, body: `[1][${future}]` },
    { get: `/a?md5=${hash(`${past}/a secret`)}&e=${past}`, body: `[0][${past}]` },
    { get: `/a?md5=${hash(`${past}/a secret`)}&e=${future}`, body: `[][${future}]` },
    { get: `/a?md5=${hash("/a secret")}`, body: "[][]" },
    { get: `/plain?md5=${hash("/plain secret")}`, body: "[1][]" },
    { get: `/plain?md5=${hash("/plain secret")}==`, body: "[1][]" },
    { get: "/plain?md5=x", body: "[][]" },
    { get: "/plain", body: "[][]" },
  ],
});

const hex = (text: string) => new Bun.CryptoHasher("md5").update(text).digest("hex");

block("the older form, with a word", {
  server: 'location /p/ { secure_link_secret word; return 200 "[$secure_link]"; }',
  steps: [
    { get: `/p/${hex("link.htmlword")}/link.html`, body: "[link.html]" },
    { get: `/p/${hex("x")}/link.html`, body: "[]" },
    { get: "/p/link.html", body: "[]" },
  ],
});

block("both forms at once", {
  server: "location / { secure_link_secret a; secure_link b; }",
  refused: ['"secure_link_secret" cannot be mixed with "secure_link" and "secure_link_md5"'],
});
