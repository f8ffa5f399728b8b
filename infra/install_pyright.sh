#!/bin/sh
# The typing tests need pyright (MIT) from npm, unpacked into .venv; node runs it. Where it cannot be fetched, its
# tests skip and say so; mypy checks the same files in any case.
cd "$(dirname "$0")/.." || exit 1
version=1.1.414
sum=14f6596f9d637a90d7e1e3fb4c460378d16d984dd683092411c269bc7dff426512b23d04032dcb5eefb10784ff1560de8edb179427c5affadb5858f0bb0b97c3
folder=".venv/share/pyright-$version"
[ -f "$folder/index.js" ] && exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 &&
    (cd "$work" && npm pack --silent "pyright@$version" >/dev/null 2>&1) &&
    echo "$sum  $work/pyright-$version.tgz" | sha512sum --check --status &&
    tar -xzf "$work/pyright-$version.tgz" -C "$work" package; then
    mkdir -p "$(dirname "$folder")" && mv "$work/package" "$folder" && exit 0
fi
echo "pyright $version cannot be fetched from npm: its typing tests will be skipped."
