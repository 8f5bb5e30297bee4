#!/bin/sh
# Makes the passwords that docker-compose.yml mounts, and their hashes for ClickHouse. A password that is there stays.
#   deploy/make_secrets.sh DIRECTORY
# Containers run as users of their own, so the files are readable by everybody who may enter the directory: only you.
set -eu
umask 022
mkdir -p "$1"
chmod 700 "$1"
cd "$1"
hashes=""
for name in ingest migrate jobs read grafana_admin; do
    # a letter first, or a password of digits would be read as a number
    [ -s "${name}_password" ] || printf 'p%s' "$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')" > "${name}_password"
    hash=$(sha256sum "${name}_password" | cut -d ' ' -f 1)
    [ "$name" = grafana_admin ] || hashes="$hashes    <${name}_password_sha256>$hash</${name}_password_sha256>
"
done
printf '<clickhouse>\n%s</clickhouse>\n' "$hashes" > clickhouse_users.xml
chmod 644 -- *_password clickhouse_users.xml
