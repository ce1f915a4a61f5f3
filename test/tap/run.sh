#!/bin/sh
# Runs TAP tests as user postgres, with servers in a temporary folder:  test/tap/run.sh [010_load.t ...]
set -eu
cd "$(dirname "$0")"
: "${PG_CONFIG:=pg_config}"
[ $# -gt 0 ] || set -- *.t
work=$(mktemp -d "${TMPDIR:-/tmp}/upstream-tap.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/t"
cp -r ./*.t lib "$work/t"
cp ../../build/upstream "$work/upstream"
as_postgres=
if [ "$(id -u)" = 0 ]; then
    chown -R postgres "$work"
    as_postgres="runuser -u postgres --"
fi
cd "$work/t"
perl_modules=$(dirname "$("$PG_CONFIG" --pgxs)")/../../src/test/perl
[ -d "$perl_modules" ] || perl_modules=$(dirname "$("$PG_CONFIG" --pgxs)")/../test/perl
status=0
$as_postgres env PATH="$("$PG_CONFIG" --bindir):$PATH" LC_ALL=C TESTDATADIR="$work/data" TESTLOGDIR="$work/log" TESTDIR="$work" \
    PG_REGRESS="$(dirname "$("$PG_CONFIG" --pgxs)")/../test/regress/pg_regress" UPSTREAM_SIMULATOR="$work/upstream" \
    UPSTREAM_HANG_SECONDS="${UPSTREAM_HANG_SECONDS:-60}" prove -v -I "$perl_modules" -I lib "$@" || status=$?
if [ $status -ne 0 ]; then
    for log in "$work"/log/*.log; do echo "== $log"; grep -vE 'statement:|received replication' "$log" | tail -n 30; done
fi
exit $status
