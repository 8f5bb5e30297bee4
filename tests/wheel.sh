#!/usr/bin/env bash
# Installs a wheel into a new environment, far from the checkout, and runs the demonstration from it.
set -euo pipefail
wheel=$(realpath "$1") uv=$2 python=$3
if [[ $uv == */* ]]; then uv=$(realpath "$uv"); fi
elsewhere=$(mktemp -d)
trap 'rm -rf "$elsewhere"' EXIT
cd "$elsewhere"
"$uv" venv --quiet --python "$python" venv
"$uv" pip install --quiet --python venv/bin/python "$wheel[local]"
venv/bin/python - <<'PYTHON'
from modeltally.store import sql

assert "site-packages" in str(sql.root()), sql.root()
print(f"{len(sql.schema())} tables, {len(sql.ingest())} that are filled, {len(sql.view_names())} views in {sql.root()}")
PYTHON
HOME="$elsewhere" venv/bin/modeltally demo --days 7
# a library that is imported below it is looked for by us first
"$uv" pip install --quiet --python venv/bin/python celery
venv/bin/modeltally run venv/bin/python -c '
import celery

from modeltally.instrument.libraries.celery import CeleryInstrumentor

assert CeleryInstrumentor().hooked == ("celery",), CeleryInstrumentor().hooked
print("celery is instrumented below `modeltally run`")'
