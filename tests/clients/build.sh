#!/usr/bin/env bash
# Build the programs of other languages into a folder: build.sh FOLDER. A language whose tools are missing is skipped.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)

# Run a language's function where its tools are there: tools "Go" "go" "https://go.dev/dl"
build() {
    local language=$1 wanted=$2 where=$3 tool
    for tool in $wanted; do
        if ! command -v "$tool" >/dev/null; then
            echo "skipped: $language's clients need '$tool', which is not installed: $where"
            return
        fi
    done
    echo "building $language's clients"
    "build_$language"
}

build_Go() {
    (cd "$here/go" && go build -o "$out/go/clients" .)
    [ -e "$out/go/telemetrygen" ] || GOBIN="$out/go" go install \
        github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen@v0.161.0
}

# of packages that the product does not have, so in an environment of their own
build_Python() {
    if ! cmp -s "$here/python/requirements.txt" "$out/python/installed"; then
        python3 -m venv "$out/python"
        "$out/python/bin/python" -m pip install --quiet -r "$here/python/requirements.txt"
        cp "$here/python/requirements.txt" "$out/python/installed"
    fi
}

build_Node() {
    mkdir -p "$out/node"
    cp "$here"/node/{package.json,package-lock.json,main.mjs} "$out/node/"
    # what is installed is kept until the list of it changes
    if ! cmp -s "$here/node/package-lock.json" "$out/node/installed"; then
        npm ci --prefix "$out/node" --no-audit --no-fund --silent
        cp "$here/node/package-lock.json" "$out/node/installed"
    fi
}

build_Java() {
    local driver
    for driver in 0.9.2 0.11.1; do
        if ! cmp -s "$here/java/pom.xml" "$out/java/$driver/installed"; then
            mvn -q -B -f "$here/java/pom.xml" dependency:copy-dependencies \
                -Djdbc.version="$driver" -DoutputDirectory="$out/java/$driver"
            cp "$here/java/pom.xml" "$out/java/$driver/installed"
        fi
    done
    javac -d "$out/java/classes" -cp "$out/java/$driver/*" "$here/java/Main.java"
}

build_Rust() {
    cargo build --quiet --locked --manifest-path "$here/rust/Cargo.toml" --target-dir "$out/rust"
}

build Go "go" https://go.dev/dl
build Node "node npm" https://nodejs.org
build Java "java javac mvn" "https://adoptium.net and https://maven.apache.org"
build Rust "cargo" https://rustup.rs
build Python "python3" https://www.python.org
