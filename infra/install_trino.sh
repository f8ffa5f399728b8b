#!/bin/sh
# The parts of a Trino server, got through Maven (about 270 MB) and kept outside of the clone. Where that is
# not possible the tests on a real Trino are skipped and say so.
cd "$(dirname "$0")/.." || exit 1
into="${XDG_CACHE_HOME:-$HOME/.cache}/openaq-assets/trino-435"
cmp -s infra/trino/pom.xml "$into/installed" && exit 0
if ! command -v mvn >/dev/null 2>&1 && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing maven for the tests on a real Trino ..."
    (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends maven) \
        >/dev/null 2>&1
fi
if command -v javac >/dev/null 2>&1 && command -v mvn >/dev/null 2>&1; then
    echo "getting Trino 435 into $into (about 270 MB) ..."
    mkdir -p "$into" &&
        timeout 900 mvn --batch-mode --quiet -f infra/trino/pom.xml -Dinto="$into" process-resources </dev/null &&
        cp infra/trino/pom.xml "$into/installed" && exit 0
fi
echo "Trino could not be got through Maven: its tests will be skipped."
