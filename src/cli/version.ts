import { modules } from "../modules/index.ts";

/** Whose documentation the directives follow. */
const nginxVersion = "1.31.3";

/** What nginx builds unless told not to; scripts learn from `--without-…` that it is missing. */
const usual =
  "charset gzip ssi userid access auth_basic mirror autoindex geo map split_clients referer rewrite proxy fastcgi uwsgi " +
  "scgi grpc memcached limit_conn limit_req empty_gif browser upstream_hash upstream_ip_hash upstream_least_conn " +
  "upstream_random upstream_keepalive upstream_zone";

/** What nginx builds on request only. */
const onRequest =
  "ssl v2 v3 realip addition xslt image_filter geoip sub dav flv mp4 gunzip gzip_static auth_request random_index " +
  "secure_link slice stub_status";

/** Modules of nginx's that are one here. */
const upstreamParts = usual.split(" ").filter((name) => name.startsWith("upstream_"));

/** What `-V` says behind the version: the runtime, and nginx's modules that are here, as its configure script says. */
export function howBuilt(): string {
  const here = new Set(modules.flatMap(({ name }) => (name === "upstream" ? upstreamParts : [name])));
  const withModules = onRequest.split(" ").filter((name) => here.has(name));
  const without = usual.split(" ").filter((name) => !here.has(name));
  const options = [
    ...withModules.map((name) => `--with-http_${name}_module`),
    ...without.map((name) => `--without-http_${name}_module`),
  ];
  return (
    `configuration as in nginx version: nginx/${nginxVersion}\n` +
    `built with Bun ${Bun.version} (${Bun.revision.slice(0, 9)}), ${process.platform} ${process.arch}\n` +
    `configure arguments: ${options.join(" ")}\n`
  );
}
