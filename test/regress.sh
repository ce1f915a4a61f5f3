#!/bin/sh
# pg_regress over sql/ and pg_isolation_regress over test/isolation/specs, as user postgres, against a server and a simulator of their own.
#   test/regress.sh [test ...]
# UPSTREAM_WRITE_PATH: how rows are written (auto).
set -eu
cd "$(dirname "$0")/.."
: "${PG_CONFIG:=pg_config}"
[ $# -gt 0 ] || set -- $(ls sql | sed 's/\.sql$//')
work=$(mktemp -d "${TMPDIR:-/tmp}/upstream-regress.XXXXXX")
simulator=
cleanup() {
    [ -z "$simulator" ] || kill "$simulator" 2>/dev/null || true
    # A run that was cut off leaves its servers behind.
    for pid_file in "$work"/server*/data/postmaster.pid; do
        [ ! -e "$pid_file" ] || kill -INT "$(head -n 1 "$pid_file")" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 143' TERM INT
cp -r sql expected test/isolation test/regress.conf "$work"
[ -z "${UPSTREAM_WRITE_PATH:-}" ] || echo "upstream.write_path = '$UPSTREAM_WRITE_PATH'" >>"$work/regress.conf"
as_postgres=
if [ "$(id -u)" = 0 ]; then
    chown -R postgres "$work"
    as_postgres="runuser -u postgres --"
fi
build/upstream --port 0 --port-file "$work/port" --seed 1 >"$work/upstream.log" 2>&1 &
simulator=$!
tries=0
until [ -s "$work/port" ] || [ $tries -gt 100 ]; do tries=$((tries + 1)); timeout 0.1 tail -f /dev/null || true; done
UPSTREAM_PORT=$(cat "$work/port")
export UPSTREAM_PORT LC_ALL=C

root=$(dirname "$("$PG_CONFIG" --pgxs)")/..
status=0
cd "$work"
$as_postgres "$root/test/regress/pg_regress" --temp-instance="$work/server" --temp-config="$work/regress.conf" --bindir="$("$PG_CONFIG" --bindir)" \
    --inputdir="$work" --outputdir="$work" --encoding=UTF8 --no-locale --dbname=regression "$@" || status=$?
[ $status -eq 0 ] || { cat "$work/regression.diffs" 2>/dev/null || tail -n 50 "$work"/log/*; }
if [ $status -eq 0 ] || [ -z "${RESULTS:-}" ]; then :; else cp -r "$work/results" "$RESULTS"; fi

specs=$(ls isolation/specs | sed 's/\.spec$//')
if [ -n "$specs" ]; then
    # The specs reach the simulator from inside the server.
    sed -i "s/@PORT@/$UPSTREAM_PORT/g" isolation/specs/*.spec isolation/expected/*.out
    $as_postgres "$root/test/isolation/pg_isolation_regress" --temp-instance="$work/server2" --temp-config="$work/regress.conf" \
        --bindir="$("$PG_CONFIG" --bindir)" --inputdir="$work/isolation" --outputdir="$work/isolation" --encoding=UTF8 --no-locale $specs || {
        status=1
        cat "$work/isolation/regression.diffs" 2>/dev/null || tail -n 50 "$work"/isolation/log/*
        [ -z "${RESULTS:-}" ] || cp -r "$work/isolation/results" "$RESULTS/isolation"
    }
fi
exit $status
