#!/bin/sh
# Runs the tests of faults against a test build (src/pg/stop_point.hpp):  test/faults/run.sh [010_matrix.t ...]
# The server's own folders are left alone: the test build goes into a copy of them. UPSTREAM_FAULTS=full runs the full sizes.
set -eu
cd "$(dirname "$0")/../.."
: "${PG_CONFIG:=pg_config}"
[ $# -gt 0 ] || set -- $(cd test/faults && echo *.t)

build=build/test-build
mkdir -p "$build"
# The sources as of now, and of the plain build's objects those of core and http: the others have no stop points.
find "$build" -name '*.[ch]pp' -delete
tar -c --no-wildcards-match-slash --exclude='src/*.[od]' --exclude='src/pg/*.[od]' --exclude='src/worker/*.[od]' \
    Makefile pg_upstream.control pg_upstream--*.sql script sources src | tar -x -C "$build"
make -s -C "$build" -j"$(nproc)" PG_CONFIG="$PG_CONFIG" TEST_BUILD=1
make -s simulator

server=$(mktemp -d "${TMPDIR:-/tmp}/upstream-server.XXXXXX")
tests=
trap 'if [ -n "$tests" ]; then kill "$tests" && wait "$tests"; fi; rm -rf "$server"' EXIT
trap 'exit 130' HUP INT TERM
server_config=$(test/tap/copy_server.sh "$server")
make -s -C "$build" install PG_CONFIG="$server_config" TEST_BUILD=1
chmod -R a+rX "$server"
PG_CONFIG=$server_config UPSTREAM_TAP_FOLDER=$PWD/test/faults UPSTREAM_FAULTS="${UPSTREAM_FAULTS:-smoke}" test/tap/run.sh "$@" &
tests=$!
status=0
wait "$tests" || status=$?
tests=
exit $status
