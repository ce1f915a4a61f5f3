#!/bin/sh
# Runs TAP tests as user postgres, with servers in a temporary folder:  test/tap/run.sh [010_load.t ...]
# UPSTREAM_HANG_SECONDS: how long the upstream of 040 hangs (60). UPSTREAM_KEEP: keeps the folder of a failed run.
# UPSTREAM_WRITE_PATH: how rows are written (auto).
set -eu
cd "$(dirname "$0")"
: "${PG_CONFIG:=pg_config}"
[ $# -gt 0 ] || set -- *.t
: "${UPSTREAM_TAP_FOLDER:=.}"  # where the tests are, if not here: test/faults/run.sh
work=$(mktemp -d "${TMPDIR:-/tmp}/upstream-tap.XXXXXX")
status=1

# However this ends, no server stays behind: they are found by their pid files. (Simulators end with the test that started them.)
end() {
    trap '' HUP INT TERM
    [ -z "${prove:-}" ] || { kill "$prove" 2>/dev/null && wait "$prove"; } || true
    for file in "$work"/tmp_check/*/pgdata/postmaster.pid; do
        [ ! -e "$file" ] || kill -QUIT "$(head -n 1 "$file")" 2>/dev/null || true
    done
    if [ $status -ne 0 ]; then
        for log in "$work"/tmp_check/log/*; do
            [ ! -e "$log" ] || { echo "== $log"; grep -vE ' LOG:  statement: |^\s+\S* *-?[0-9]' "$log" | cut -c1-500 | tail -n 40; }
        done
        [ -z "${UPSTREAM_KEEP:-}" ] || { echo "kept: $work"; return; }
    fi
    rm -rf "$work"
}
trap end EXIT
trap 'status=130; exit 130' HUP INT TERM

mkdir "$work/t" "$work/data"
cp -r lib "$UPSTREAM_TAP_FOLDER"/* "$work/t"
cp ../../build/upstream ../../build/shifted_clock.so "$work"
mkdir "$work/examples"
python3 -B ../schema/examples.py ../../docs/sources.md "$work/examples"
as_postgres=
if [ "$(id -u)" = 0 ]; then  # initdb refuses root
    chown -R postgres "$work"
    as_postgres="runuser -u postgres --"
fi
cd "$work/t"
source=$(dirname "$("$PG_CONFIG" --pgxs)")/..
# The tests' library takes LC_ALL away, and then LANG says how databases are encoded.
# In the background, so that a signal is heard at once and not when prove is done; and what it says is written at once.
# shellcheck disable=SC2086
$as_postgres env PATH="$("$PG_CONFIG" --bindir):$PATH" LANG=C.UTF-8 LC_ALL=C TESTDATADIR="$work/data" TESTDIR="$work" PG_REGRESS="$source/test/regress/pg_regress" \
    UPSTREAM_SIMULATOR="$work/upstream" UPSTREAM_HANG_SECONDS="${UPSTREAM_HANG_SECONDS:-60}" UPSTREAM_FAULTS="${UPSTREAM_FAULTS:-smoke}" UPSTREAM_WRITE_PATH="${UPSTREAM_WRITE_PATH:-}" \
    perl -e '$| = 1; do shift' "$(command -v prove)" -v --timer -I "$source/test/perl" -I lib "$@" </dev/null &
prove=$!
status=0
wait $prove || status=$?
prove=
exit $status
