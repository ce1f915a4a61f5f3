#!/bin/sh
# Runs whole servers with the extension built with AddressSanitizer and UndefinedBehaviorSanitizer:  test/sanitize/run.sh [010_load.t ...], tests of test/tap
# Fails if a test does, or if any process of a server wrote a report. The server's own folders are left alone: the build goes into a copy of them.
set -eu
cd "$(dirname "$0")/../.."
: "${PG_CONFIG:=pg_config}"
: "${CXX:=g++}"
[ $# -gt 0 ] || set -- 010_load.t 070_failures.t 093_replace.t 094_missing.t 095_webhooks.t

build=build/sanitize-server
mkdir -p "$build"
find "$build" -name '*.[ch]pp' -delete
tar -c --exclude='*.[od]' Makefile pg_upstream.control pg_upstream--*.sql script sources src | tar -x -C "$build"
make -s -C "$build" -j"$(nproc)" PG_CONFIG="$PG_CONFIG" SANITIZE=1
make -s simulator

folder=$(mktemp -d "${TMPDIR:-/tmp}/upstream-sanitize.XXXXXX")
tests=
trap 'if [ -n "$tests" ]; then kill "$tests" && wait "$tests"; fi; rm -rf "$folder"' EXIT
trap 'exit 130' HUP INT TERM
server_config=$(test/tap/copy_server.sh "$folder")
make -s -C "$build" install PG_CONFIG="$server_config" SANITIZE=1
"$CXX" -shared -fPIC -fsanitize=address -fno-omit-frame-pointer -isystem "$("$PG_CONFIG" --includedir-server)" -o "$("$server_config" --pkglibdir)/overread.so" test/sanitize/overread.cpp
"$CXX" -shared -fPIC -Wl,-z,initfirst -o "$folder/first.so" test/sanitize/first.cpp
mkdir -m 777 "$folder/reports"
chmod -R a+rX "$folder"

# The server itself is not built with the sanitizers, so that their library has to be in every process before the others. Postgres' way out of errors, longjmp, is known to the
# sanitizer for stacks, not for the fake ones of detect_stack_use_after_return; and what a process that ends has not freed is no leak.
bin=$("$server_config" --bindir)
mv "$bin/postgres" "$bin/postgres.real"
cat >"$bin/postgres" <<END
#!/bin/sh
exec env LD_PRELOAD="$("$CXX" -print-file-name=libasan.so) $folder/first.so \${LD_PRELOAD:-}" \\
    ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0:halt_on_error=1:log_path=$folder/reports/address \\
    UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:log_path=$folder/reports/undefined "$bin/postgres.real" "\$@"
END
chmod 755 "$bin/postgres"

run() {
    PG_CONFIG=$server_config UPSTREAM_REPORTS=$folder/reports test/tap/run.sh "$@" &
    tests=$!
    wait "$tests" || status=$?
    tests=
}
status=0
UPSTREAM_TAP_FOLDER=$PWD/test/sanitize run 000_reports.t
[ $status -ne 0 ] || run "$@"
if [ -n "$(ls "$folder/reports")" ]; then
    head -n 60 "$folder"/reports/*
    echo "not ok - no process of a server wrote a report"
    exit 1
fi
echo "ok - no process of a server wrote a report"
exit $status
