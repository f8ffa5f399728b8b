#!/bin/sh
# Peers of `make bench` that are no part of the product: each set has an environment of its own, for they
# want other versions of the same packages. What cannot be installed the benchmark leaves out, and says so.
cd "$(dirname "$0")/.." || exit 1
for name in bench bench-dbt bench-sqlmesh bench-dagster; do
    venv=.venv-$name
    pins=infra/requirements-$name.txt
    cmp -s "$pins" "$venv/installed" && continue
    echo "installing $(sed -n 's/ *>=.*//p' "infra/requirements-$name.in" | paste -sd ' ' -) into $venv ..."
    "${PYTHON:-python3}" -m venv --clear "$venv" &&
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$pins" &&
        cp "$pins" "$venv/installed" && continue
    echo "$venv could not be installed: the benchmark will leave its peers out."
done
exit 0
