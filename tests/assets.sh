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

rm -r "$scratch/package"
(cd "$scratch" && npm pack --silent htmx.org@4.0.1 >/dev/null && tar -xzf htmx.org-4.0.1.tgz)
mkdir -p "$folder/htmx" "$folder/vega"
cp "$scratch/package/dist/htmx.min.js" "$folder/htmx/htmx.min.js"
cp "$scratch/package/LICENSE" "$folder/htmx/LICENSE"

# charts in a page are drawn by the same program as those of reports: it is in the wheel that draws these
"${PYTHON:-python3}" -c 'import sys, vl_convert; sys.stdout.write(vl_convert.javascript_bundle())' >"$folder/vega/vega.js"
for name in vega@6.2.0 vega-lite@6.4.1 vega-embed@7.0.2 vega-interpreter@2.3.2; do
    rm -rf "$scratch/package"
    (cd "$scratch" && npm pack --silent "$name" >/dev/null && tar -xzf "${name/@/-}.tgz")
    printf '== %s\n\n%s\n\n' "$name" "$(cat "$scratch/package/LICENSE")"
done >"$folder/vega/LICENSE"

cd "$folder"
sha256sum --check --quiet SHA256SUMS
echo "as recorded: $(wc -l <SHA256SUMS) files in $folder"
