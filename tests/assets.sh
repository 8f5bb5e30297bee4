#!/usr/bin/env bash
# Take the files that browsers get from where they come from, and compare them with what is recorded.
# usage: assets.sh FOLDER
set -euo pipefail
folder=$(realpath "$1")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# the archive alone: nothing of the package is run
command -v npm >/dev/null || { echo "make assets needs npm" >&2; exit 2; }
(cd "$scratch" && npm pack --silent swagger-ui-dist@5.35.0 >/dev/null && tar -xzf swagger-ui-dist-5.35.0.tgz)
for name in swagger-ui-bundle.js swagger-ui.css swagger-ui-bundle.js.LICENSE.txt; do
    cp "$scratch/package/$name" "$folder/$name"
done
for name in LICENSE NOTICE; do
    cp "$scratch/package/$name" "$folder/swagger-ui.$name.txt"
done

cd "$folder"
sha256sum --check --quiet SHA256SUMS
echo "as recorded: $(wc -l <SHA256SUMS) files in $folder"
