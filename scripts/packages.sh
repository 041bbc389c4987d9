#!/bin/sh
# Makes sure that the servers and tools that the tests start are there: installs what is missing where it may, else
# names it and fails. With --check, only looks.
set -eu

# PROGRAM:PACKAGE of Debian and Ubuntu; with | between them, one program is enough. nginx's Lua module and its libraries are what the benchmark compares with.
wanted='
redis-server:redis-server
mariadbd:mariadb-server
nginx:nginx
@/usr/lib/nginx/modules/ngx_http_lua_module.so:libnginx-mod-http-lua
@/usr/share/lua/5.1/nginx/redis.lua:lua-nginx-redis
@/usr/lib/x86_64-linux-gnu/lua/5.1/cjson.so:lua-cjson
wrk:wrk
ab:apache2-utils
h2load:nghttp2-client
socat:socat
openssl:openssl
curl:curl
chromium|chromium-browser|google-chrome:chromium
pgrep:procps
'

PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

is_there() {
  case "$1" in
  # The folder of a library depends on the processor, which dpkg knows.
  @*) [ -e "${1#@}" ] || dpkg -s "$2" 2>/dev/null | grep -q '^Status: .* installed$' ;;
  *)
    for program in $(echo "$1" | tr '|' ' '); do
      command -v "$program" >/dev/null 2>&1 && return
    done
    return 1
    ;;
  esac
}

missing=''
for pair in $wanted; do
  is_there "${pair%:*}" "${pair##*:}" || missing="$missing ${pair##*:}"
done
[ -n "$missing" ] || exit 0

refuse() {
  echo "missing, and not to be installed from here:$missing" >&2
  echo "on Debian and Ubuntu:  sudo apt-get install --no-install-recommends$missing" >&2
  exit 1
}

[ "${1:-}" != --check ] || refuse
command -v apt-get >/dev/null 2>&1 || refuse
if [ "$(id -u)" = 0 ]; then as_root=''
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then as_root='sudo -n'
else refuse
fi

echo "installing:$missing" >&2
install() {
  # shellcheck disable=SC2086 # words of their own are what is meant
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >&2
}
install || { $as_root apt-get update -q >&2 && install; } || refuse
