#!/bin/sh
# The pictures of the documentation, made from the lake of 'make demo'.
set -eu
page=$(.venv/bin/openaq-assets dashboard | sed 's/^wrote //')
mkdir -p docs/img
shot() {
    chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
        --disable-background-networking --disable-component-update --disable-sync --hide-scrollbars \
        --user-data-dir="$(mktemp -d)" --virtual-time-budget=3000 \
        --window-size="$2" --screenshot="docs/img/$1.png" "file://$page" >/dev/null 2>&1
    echo "wrote docs/img/$1.png"
}
shot overview 1280,980
