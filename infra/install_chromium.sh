#!/bin/sh
# Browser tests need Chromium. Where it is missing and can be installed, install it; else they skip and say so.
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing chromium for the browser tests ..."
    (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-core) \
        >/dev/null 2>&1 && exit 0
fi
echo "chromium is not here and cannot be installed: the browser tests will be skipped."
