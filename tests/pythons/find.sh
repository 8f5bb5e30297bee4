#!/usr/bin/env bash
# Print the path of a Python: one that pyenv, uv or the system has, else Debian's of today, unpacked into .pythons.
# usage: find.sh VERSION UV
# Exits with 3 where there is none, and says what would get it.
set -uo pipefail
version=$1 uv=$2
found=$(ls -d "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python 2>/dev/null | sort -V | tail -1)
[ -n "$found" ] || found=$("$uv" python find --quiet --no-project --no-python-downloads "$version" 2>/dev/null)
if [ -z "$found" ]; then
    found=$("$(dirname "$0")/from_debian.sh" "$version" "$PWD/.pythons/$version" "$uv")
fi
if [ -z "$found" ]; then
    echo "skipped: Python $version is not to be had here; 'uv python install $version' gets it" >&2
    exit 3
fi
echo "$found"
