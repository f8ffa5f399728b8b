#!/bin/sh
# Some tests need packages of npm, unpacked into .venv/share: axe-core (MPL-2.0) for accessibility, pyright (MIT, run by
# node) for the types of plugins. Where one cannot be fetched, its tests skip and say so.
cd "$(dirname "$0")/.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

install() { # name, version, sha512, the tests that need it
    folder=".venv/share/$1-$2"
    [ -f "$folder/package.json" ] && return
    rm -rf "$folder" # an older version of this script kept one file of the package
    if command -v npm >/dev/null 2>&1 &&
        (cd "$work" && npm pack --silent "$1@$2" >/dev/null 2>&1) &&
        echo "$3  $work/$1-$2.tgz" | sha512sum --check --status &&
        tar -xzf "$work/$1-$2.tgz" -C "$work" package; then
        mkdir -p .venv/share && mv "$work/package" "$folder" && return
    fi
    echo "$1 $2 cannot be fetched from npm: $4 will be skipped."
}

install axe-core 4.14.1 1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5 \
    "the accessibility tests"
install pyright 1.1.414 14f6596f9d637a90d7e1e3fb4c460378d16d984dd683092411c269bc7dff426512b23d04032dcb5eefb10784ff1560de8edb179427c5affadb5858f0bb0b97c3 \
    "its typing tests"
exit 0
