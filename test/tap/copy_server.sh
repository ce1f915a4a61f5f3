#!/bin/sh
# Copies the server's own folders, so that a build for tests can be installed without touching them:  test/tap/copy_server.sh FOLDER
# Prints the pg_config of the copy. PG_CONFIG: that of the server.
set -eu
: "${PG_CONFIG:=pg_config}"
for folder in $("$PG_CONFIG" --bindir) $("$PG_CONFIG" --pkglibdir) $("$PG_CONFIG" --sharedir); do
    inside=usr/${folder##*/usr/}
    mkdir -p "$1/$inside"
    cp -r "$folder/." "$1/$inside"
done
echo "$1/usr/$("$PG_CONFIG" --bindir | sed 's,.*/usr/,,')/pg_config"
