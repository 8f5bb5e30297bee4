#!/usr/bin/env bash
# Get what tests in a browser need, where it is missing and may be installed; without it they skip and say how to get it.
set -euo pipefail
packages=(chromium chromium-driver poppler-utils)
missing=()
for program in chromium chromedriver pdftoppm; do
    command -v "$program" >/dev/null || missing+=("$program")
done
if [ ${#missing[@]} != 0 ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing ${packages[*]}"
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "${packages[@]}"; } \
            >/dev/null || echo "apt-get did not install ${packages[*]}: the tests that need them skip" >&2
    else
        echo "the tests in a browser skip: apt-get install ${packages[*]}" >&2
    fi
fi
if command -v npm >/dev/null; then
    make --no-print-directory browser-tools || echo "axe-core was not installed: the tests that need it skip" >&2
fi
