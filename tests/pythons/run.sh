#!/usr/bin/env bash
# Run the tests of what runs in services on other Pythons, each with an environment of its own.
# usage: run.sh UV "VERSION..." [ARGUMENTS OF PYTEST]
set -euo pipefail
uv=$1 versions=$2
shift 2
here=$(dirname "$0") ran=
for version in $versions; do
    python=$("$here/find.sh" "$version" "$uv") || continue
    environment=.venv-$version rest=()
    export UV_PROJECT_ENVIRONMENT=$environment
    if ! "$uv" sync --quiet --frozen --extra all --no-build-package lz4 --python "$python"; then
        echo "lz4 has no wheel for Python $version yet: the tests that need a server are left out"
        "$uv" sync --quiet --frozen --extra all --no-install-package lz4 --python "$python"
        rest=(--ignore tests/instrument/test_mirror.py)
    fi
    full=$("$environment/bin/python" -c 'import platform; print(platform.python_version())')
    echo "Python $full: $python"
    "$environment/bin/pytest" --quiet tests/instrument "${rest[@]}" "$@"
    ran+=" $full"
done
echo "the tests of what runs in services passed on:${ran:- no other Python}"
