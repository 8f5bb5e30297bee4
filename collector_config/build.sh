#!/bin/sh
# Builds the collector of builder.yaml: `make collector` and the Dockerfile run this. Needs Go and patch.
#   build.sh OUTPUT_DIRECTORY
# Modules come from the Go module proxy, checked against Go's checksum database.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
output=$(cd "$1" && pwd)
version=$(sed -n 's/^  version: //p' "$here/builder.yaml")
module=go.opentelemetry.io/collector/exporter/exporterhelper

# the queue, with the changes of queue.patch: builder.yaml says why
copied=$(cd "$output" && GOFLAGS=-mod=mod go mod download -json "$module@v$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
rm -rf "$output/exporterhelper"
cp -r "$copied" "$output/exporterhelper"
chmod -R u+w "$output/exporterhelper"
patch --quiet --directory="$output/exporterhelper" --strip=1 < "$here/queue.patch"

builder="$output/builder-$version"
if [ ! -x "$builder" ]; then
    GOBIN="$output" go install "go.opentelemetry.io/collector/cmd/builder@v$version"
    mv "$output/builder" "$builder"
fi
cd "$output"
CGO_ENABLED=0 "$builder" --config "$here/builder.yaml" > build.log 2>&1 || { cat build.log >&2; exit 1; }
mv build/modeltally-collector modeltally-collector
