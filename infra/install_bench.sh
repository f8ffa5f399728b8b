#!/bin/sh
# pandas is no part of the product: as a peer of `make bench` it has an environment of its own. Where it
# cannot be installed, the benchmark leaves it out and says so.
cd "$(dirname "$0")/.." || exit 1
venv=.venv-bench
pins=infra/requirements-bench.txt
cmp -s "$pins" "$venv/installed" && exit 0
echo "installing $(sed -n 's/^\(pandas[=.0-9]*\).*/\1/p' "$pins") into $venv ..."
"${PYTHON:-python3}" -m venv --clear "$venv" &&
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$pins" &&
    cp "$pins" "$venv/installed" && exit 0
echo "$venv could not be installed: the benchmark will leave pandas out."
exit 0
