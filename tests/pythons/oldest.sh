#!/usr/bin/env bash
# Make an environment with the lowest declared version of each direct dependency, and the tests' tools beside them.
# usage: oldest.sh FOLDER PYTHON UV
set -euo pipefail
folder=$1 python=$2 uv=$3
"$uv" venv --quiet --clear --python "$python" "$folder"
export VIRTUAL_ENV=$PWD/$folder
"$uv" pip install --quiet --resolution lowest-direct --editable '.[local]'
"$uv" pip freeze --exclude-editable >"$folder/lowest.txt"
"$uv" pip install --quiet --group dev --constraint "$folder/lowest.txt"
grep -E '^(clickhouse-connect|opentelemetry-(api|sdk|exporter-otlp)|pydantic|protobuf|requests|wrapt|grpcio|starlette)==' "$folder/lowest.txt" | paste -sd ' '
