#!/usr/bin/env bash
# Make an environment with the lowest declared version of each direct dependency, and the tests' tools beside them.
# usage: oldest.sh FOLDER PYTHON UV
set -euo pipefail
folder=$1 python=$2 uv=$3
"$uv" venv --quiet --clear --python "$python" "$folder"

# What a service installs keeps its own oldest: the server's FastAPI asks for a newer one.
oldest() { "$uv" pip compile --quiet --no-header --no-annotate --python "$python" --resolution lowest-direct "$@" pyproject.toml; }
for wanted in 1.43.0: "1.44.0:--extra server"; do
    # shellcheck disable=SC2086 # no option, or two words
    found=$(oldest ${wanted#*:} | grep '^opentelemetry-api==')
    [ "$found" = "opentelemetry-api==${wanted%%:*}" ] || { echo "$found, not ${wanted%%:*}, ${wanted#*:}" >&2; exit 1; }
    echo "oldest ${wanted#*:}: $found"
done

export VIRTUAL_ENV=$PWD/$folder
"$uv" pip install --quiet --resolution lowest-direct --editable '.[local]'
"$uv" pip freeze --exclude-editable >"$folder/lowest.txt"
"$uv" pip install --quiet --group dev --constraint "$folder/lowest.txt"
grep -E '^(clickhouse-connect|opentelemetry-(api|sdk|exporter-otlp)|pydantic|protobuf|requests|wrapt|grpcio|starlette)==' "$folder/lowest.txt" | paste -sd ' '
