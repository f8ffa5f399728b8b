#!/bin/sh
# The Spark tests run the Glue job in the Sparks of Glue 5.1 (3.5) and 6.0 (4.1), each in an environment
# of its own. Where one cannot be installed, its tests are skipped and say so.
cd "$(dirname "$0")/.." || exit 1
if ! command -v java >/dev/null 2>&1; then
    echo "java is not here (17 is needed): the Spark tests will be skipped."
    exit 0
fi

install() {
    venv=".venv-spark$1"
    pins="infra/requirements-spark$1.txt"
    pip="$venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes"
    cmp -s "$pins" "$venv/installed" && return
    echo "installing $(sed -n 's/^\(pyspark[=.0-9]*\).*/\1/p' "$pins") into $venv (about a minute) ..."
    "${PYTHON:-python3}" -m venv --clear "$venv" &&
        $pip -r infra/requirements-spark-build.txt &&
        $pip --no-build-isolation -r "$pins" &&
        cp "$pins" "$venv/installed" && return
    echo "$venv could not be installed: its Spark tests will be skipped."
}

install 35
install 41
exit 0
