#!/bin/sh
# The pictures of the documentation, made from the lake of 'make demo' (so their data are synthetic, and say so).
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
.venv/bin/openaq-assets dashboard --out "$work/page.html"
.venv/bin/python tests/support/pictures.py "$work/page.html" docs/img
.venv/bin/openaq-assets dashboard --png docs/img/charts --env prod
