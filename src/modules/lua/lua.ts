import { accepted, type Context, defineModule, type Directives, type DirectiveSpec, list } from "../../core/module.ts";

const anywhere: readonly Context[] = [
  "http",
  "server",
  "location",
  "if in server",
  "if in location",
  "limit_except",
  "upstream",
];

/** Phases whose scripts have a counterpart, as lua-nginx-module names them. */
const counterparts = [
  "init",
  "init_worker",
  "exit_worker",
  "ssl_certificate",
  "server_rewrite",
  "set",
  "rewrite",
  "access",
  "precontent",
  "content",
  "balancer",
  "header_filter",
  "body_filter",
  "log",
];

/** Those that have none. */
const others = [
  "ssl_client_hello",
  "ssl_session_fetch",
  "ssl_session_store",
  "proxy_ssl_certificate",
  "proxy_ssl_verify",
];

function refused(message: (name: string) => string, expected: string, isBlock: boolean): DirectiveSpec<unknown> {
  return {
    ...list<undefined>({
      contexts: anywhere,
      args: [0, 64],
      syntax: "...",
      read: (args) => {
        throw args.wrong(-1, message(args.name), expected);
      },
    }),
    body: isBlock ? "script" : "none",
  };
}

const isLua = (name: string): string => `"${name}" runs Lua, and resty runs TypeScript`;
const isUnsupported = (name: string): string => `"${name}" is known to OpenResty, not supported by resty`;

const scripts: Directives = Object.fromEntries([
  ...counterparts.flatMap((phase) => [
    [`${phase}_by_lua`, refused(isLua, `${phase}_by_ts_block { ... }`, false)],
    [`${phase}_by_lua_block`, refused(isLua, `${phase}_by_ts_block`, true)],
    [`${phase}_by_lua_file`, refused(isLua, `${phase}_by_ts_file`, false)],
  ]),
  ...others.flatMap((phase) => [
    [`${phase}_by_lua_block`, refused(isUnsupported, "a directive that resty has", true)],
    [`${phase}_by_lua_file`, refused(isUnsupported, "a directive that resty has", false)],
  ]),
]);

const everywhere: readonly Context[] = ["http", "server", "location", "if in location"];
const noEffect = (why: string, args: number | readonly [number, number] = 1): DirectiveSpec<undefined> =>
  accepted({ contexts: everywhere, args, why });

/** lua-nginx-module's directives: those that run Lua are refused by name, with the one to write instead. */
export const lua = defineModule({
  name: "lua",
  directives: {
    ...scripts,
    lua_code_cache: noEffect('scripts are loaded once a configuration; "resty serve --watch" loads them on save'),
    lua_package_path: noEffect("modules are imported by their path, or from a node_modules"),
    lua_package_cpath: noEffect("there are no C modules"),
    lua_check_client_abort: noEffect("clients that leave are always noticed"),
    lua_http10_buffering: noEffect("what a handler prints is held until its length is known, or it is flushed"),
    lua_transform_underscores_in_response_headers: noEffect("underscores of ngx.header are always dashes"),
    lua_use_default_type: noEffect("a response without a type always gets the default one"),
    lua_regex_cache_max_entries: noEffect("the last 1000 are kept"),
    lua_regex_match_limit: noEffect("patterns have a limit of their own"),
    lua_malloc_trim: noEffect("memory is managed by the runtime"),
    lua_thread_cache_max_entries: noEffect("there are promises, not threads"),
    lua_worker_thread_vm_pool_size: noEffect("there are promises, not threads"),
    lua_load_resty_core: noEffect("it is built in"),
    lua_sa_restart: noEffect("the runtime sees to it"),
    lua_socket_buffer_size: noEffect("buffers have the size that is needed"),
    lua_socket_send_lowat: noEffect("the runtime decides"),
    lua_socket_log_errors: noEffect("what fails is thrown, and logged where nobody catches it"),
    lua_ssl_certificate: noEffect("ngx.socket and fetch take their own TLS options"),
    lua_ssl_certificate_key: noEffect("ngx.socket and fetch take their own TLS options"),
    lua_ssl_ciphers: noEffect("ngx.socket and fetch take their own TLS options"),
    lua_ssl_conf_command: noEffect("ngx.socket and fetch take their own TLS options", 2),
    lua_ssl_crl: noEffect("ngx.socket and fetch take their own TLS options"),
    lua_ssl_key_log: noEffect("ngx.socket and fetch take their own TLS options"),
    lua_ssl_protocols: noEffect("ngx.socket and fetch take their own TLS options", [1, 8]),
    lua_ssl_trusted_certificate: noEffect("ngx.socket and fetch take their own TLS options"),
    lua_ssl_verify_depth: noEffect("ngx.socket and fetch take their own TLS options"),
    lua_upstream_skip_openssl_default_verify: noEffect("there are no hooks of TLS handshakes"),
    balancer_keepalive: accepted({ contexts: ["upstream"], args: 1, why: '"keepalive" of the upstream decides' }),
    access_by_lua_no_postpone: noEffect("scripts run at the end of their phase"),
    precontent_by_lua_no_postpone: noEffect("scripts run at the end of their phase"),
    rewrite_by_lua_no_postpone: noEffect("scripts run at the end of their phase"),
  },
});
