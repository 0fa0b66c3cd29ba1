#!/bin/sh
# Writes .env for docker-compose.yml: example.env with fresh keys and passwords in it. Needs nothing but a
# shell. It never touches a .env that is there: the sessions stored under its master key would be lost.
set -eu
umask 077
here=$(dirname "$0")
target=${1:-$here/../../.env}

if [ -e "$target" ]; then
  echo "$target is there already and is left alone." >&2
  exit 1
fi

base64_bytes() { head -c "$1" /dev/urandom | base64 | tr -d '\n'; }
letters() { head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

# Passwords begin with a letter: nats-server takes a value that begins with a digit for a number.
sed \
  -e "s|^TELEGATE_MASTER_KEY=\$|&1:$(base64_bytes 32)|" \
  -e "s|^TELEGATE_MESH_KEY=\$|&$(base64_bytes 32)|" \
  -e "s|^TELEGATE_OPERATOR_KEY=\$|&tgop_$(letters)|" \
  -e "s|^POSTGRES_PASSWORD=\$|&p$(letters)|" \
  -e "s|^NATS_PASSWORD=\$|&n$(letters)|" \
  -e "s|^CLICKHOUSE_PASSWORD=\$|&c$(letters)|" \
  "$here/example.env" >"$target.partial"
mv "$target.partial" "$target"
echo "$target is written. Keep a copy of it in a safe place: without TELEGATE_MASTER_KEY the stored sessions are lost."
