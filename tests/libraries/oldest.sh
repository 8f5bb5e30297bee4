#!/usr/bin/env bash
# Make an environment with the oldest known versions of the instrumented libraries: those in oldest.txt beside this file.
# usage: oldest.sh FOLDER PYTHON UV
set -euo pipefail
folder=$1 python=$2 uv=$3 oldest=tests/libraries/oldest.txt
if ! cmp --silent "$oldest" "$folder/made-of.txt"; then
    "$uv" venv --quiet --clear --python "$python" "$folder"
    VIRTUAL_ENV=$PWD/$folder "$uv" pip install --quiet --editable '.[all]' --group dev --group libraries ftfy httpx2 --override "$oldest"
    cp "$oldest" "$folder/made-of.txt"
fi
grep == "$oldest" | paste -sd ' '
