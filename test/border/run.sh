#!/bin/sh
# Builds the test module and runs sql/*.sql against a server of its own, as user postgres, on a socket in a temporary folder only.
#   PG_CONFIG=... CXX=clang++-14 ./run.sh [test ...]
set -eu
cd "$(dirname "$0")"
: "${PG_CONFIG:=pg_config}" "${CXX:=g++}"
make -s PG_CONFIG="$PG_CONFIG" CXX="$CXX"

work=$(mktemp -d "${TMPDIR:-/tmp}/border.XXXXXX")
trap 'rm -rf "$work"' EXIT
# The server's user need not be able to read the sources' folder.
cp -r sql expected border.so "$work"
[ $# -gt 0 ] || set -- $(ls sql | sed 's/\.sql$//')
as_postgres=
if [ "$(id -u)" = 0 ]; then
    chown -R postgres "$work"
    as_postgres="runuser -u postgres --"
fi
regress=$(dirname "$("$PG_CONFIG" --pgxs)")/../test/regress/pg_regress
cd "$work"
status=0
$as_postgres "$regress" --temp-instance="$work/server" --bindir="$("$PG_CONFIG" --bindir)" --inputdir="$work" --outputdir="$work" \
    --dlpath="$work" --encoding=UTF8 --no-locale "$@" || status=$?
if [ $status -ne 0 ]; then
    cat "$work/regression.diffs" 2>/dev/null || tail -n 50 "$work"/log/* 2>/dev/null
    [ -z "${KEEP:-}" ] || { cp -r "$work/results" "$KEEP"; tail -n 80 "$work/log/postmaster.log"; }
fi
exit $status
