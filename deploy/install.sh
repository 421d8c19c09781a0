#!/bin/sh
# Builds this checkout and installs it as the archive of `npm run package:tar` does: `install.sh [PREFIX]`, see deploy/package/tar. Run it
# again after an update. It needs npm and any Node from 18 on; the Node 24 that the programs run on is fetched.
set -eu
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Only of use where packages are compared.
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(date +%s)}"
node test/tooling/start.mjs deploy/package/build.mjs folder "$scratch" > /dev/null
"$scratch"/dsyncd-*/install.sh "$@"
