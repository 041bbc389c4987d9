import { nodeCrypto } from "../../std/builtins.ts";
import type { ComplexValue } from "../../core/complex.ts";
import { type Context, defineModule, text, value } from "../../core/module.ts";

const contexts: readonly Context[] = ["http", "server", "location"];

function expression(): ReturnType<typeof value<ComplexValue | undefined>> {
  return value<ComplexValue | undefined>({
    contexts,
    syntax: "expression",
    default: undefined,
    read: (args) => args.complex(0),
  });
}

/** nginx's ngx_http_secure_link_module. */
export const secureLink = defineModule({
  name: "secure_link",
  directives: {
    secure_link: expression(),
    secure_link_md5: expression(),
    secure_link_secret: text({ contexts: ["location"], syntax: "word", default: "" }),
  },
  variables: {
    secure_link: (request): string | undefined => {
      const { secure_link, secure_link_md5, secure_link_secret } = secureLink.of(request);
      if (secure_link_secret !== "") return linkedByWord(request.target, secure_link_secret);
      if (!secure_link || !secure_link_md5) return undefined;
      const { hash, expires } = splitLink(secure_link.evaluate(request));
      if (expires !== undefined && !isTime(expires)) return undefined;
      if (!hashMatches(hash, secure_link_md5.evaluate(request))) return undefined;
      return expires !== undefined && Number(expires) < Math.floor(Date.now() / 1000) ? "0" : "1";
    },
    secure_link_expires: (request): string | undefined => {
      const { secure_link, secure_link_md5, secure_link_secret } = secureLink.of(request);
      if (secure_link_secret !== "" || !secure_link || !secure_link_md5) return undefined;
      const { expires } = splitLink(secure_link.evaluate(request));
      return expires !== undefined && isTime(expires) ? expires : undefined;
    },
  },
  // Of the two forms a level has one: what it says itself puts aside what is said around it.
  prepare(conf, level) {
    const own = (field: string): boolean => level.own(secureLink, field) !== undefined;
    const ownExpression = own("secure_link") || own("secure_link_md5");
    if (own("secure_link_secret") && !ownExpression) conf.secure_link = conf.secure_link_md5 = undefined;
    else if (conf.secure_link && !own("secure_link_secret")) conf.secure_link_secret = "";
    else if (own("secure_link_secret"))
      level.cycle.diagnostics.error(
        '"secure_link_secret" cannot be mixed with "secure_link" and "secure_link_md5"',
        level.directive?.place,
      );
  },
});

/** `hash` or `hash,seconds since the epoch`. */
function splitLink(link: string): { hash: string; expires: string | undefined } {
  const comma = link.indexOf(",");
  return comma < 0
    ? { hash: link, expires: undefined }
    : { hash: link.slice(0, comma), expires: link.slice(comma + 1) };
}

function isTime(expires: string): boolean {
  return /^\d{1,18}$/.test(expires) && Number(expires) > 0;
}

/** @param encoded The MD5 of `expected` in base64url. */
function hashMatches(encoded: string, expected: string): boolean {
  if (!/^[A-Za-z0-9_-]{22}={0,2}$/.test(encoded)) return false;
  return nodeCrypto().timingSafeEqual(Buffer.from(encoded, "base64url"), md5(expected));
}

/** Of `/prefix/md5(link + word)/link` the link, if the hash is right. */
function linkedByWord(target: string, word: string): string | undefined {
  const match = /^\/[^/]*\/([0-9A-Fa-f]{32})\/(.+)$/s.exec(target);
  if (!match) return undefined;
  return nodeCrypto().timingSafeEqual(Buffer.from(match[1]!, "hex"), md5(match[2]! + word)) ? match[2] : undefined;
}

function md5(bytes: string): Uint8Array {
  return new Bun.CryptoHasher("md5").update(bytes, "latin1").digest();
}
