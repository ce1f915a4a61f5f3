#!/bin/sh
# Compares the JSON Schema of source specs with the reader: see agreement.py.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p build
{ cmake -S . -B build/unit -Wno-dev && cmake --build build/unit -j2 --target check_spec; } >build/check_spec.log 2>&1 || { cat build/check_spec.log; exit 1; }
exec /usr/bin/python3 -B test/schema/agreement.py build/unit/check_spec
