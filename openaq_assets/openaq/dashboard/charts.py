"""The charts as specifications, and the library that draws them: Vega, from the package vl-convert-python.

A chart is a small JSON file in `specs/`. Those in Vega-Lite become Vega here, so that the page carries no
compiler. Colours are CSS variables, which the page's style sheet sets.

Library and charts are the same on every page, and making them takes 100 MB of memory (a JavaScript engine).
They are kept in the package's cache (openaq_assets.cache); `python -m openaq_assets.openaq.dashboard.charts`
makes them before they are needed.
"""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from importlib.metadata import version
from typing import Any

from openaq_assets.cache import folder_of_caches

NAMES = ("map", "trend", "heatmap", "hours")
VEGA_LITE = "6.4"
# JavaScript ignores the backslash in a string or pattern; for an HTML parser it makes the difference.
_SCRIPT_ENDS = re.compile(r"<(/script|!--)", re.IGNORECASE)


def resource(name: str) -> str:
    """Return the text of a file of this package."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def specification(name: str) -> dict[str, Any]:
    """Return a chart as it is written, with the settings common to all."""
    spec = {"config": json.loads(resource("specs/config.json")), **json.loads(resource(f"specs/{name}.json"))}
    spec.pop("description")  # in English, for readers of the file
    return spec


@cache
def compiled() -> str:
    """Return all charts as Vega, in one JSON object by name."""
    specs = {name: specification(name) for name in NAMES}
    return _kept("charts.json", json.dumps(list(specs.values()), sort_keys=True), lambda: _vega(specs))


def _kept(name: str, made_of: str, make: Callable[[], str]) -> str:
    """Return a result of this version of the package: from the cache if there is one."""
    folder = folder_of_caches()
    if folder is None:
        return make()
    of = f"{version('vl-convert-python')} {VEGA_LITE} {made_of}"
    path = folder / f"{hashlib.sha256(of.encode()).hexdigest()[:16]}-{name}"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    text = make()
    with contextlib.suppress(OSError):  # the page works without a cache
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    return text


def _vega(specs: Mapping[str, dict[str, Any]]) -> str:
    import vl_convert

    charts = {
        name: vl_convert.vegalite_to_vega(spec, vl_version=VEGA_LITE)
        if "vega-lite" in spec["$schema"]
        else spec
        for name, spec in specs.items()
    }
    return json.dumps(charts, separators=(",", ":"))


@cache
def library() -> str:
    """Return JavaScript that defines `drawingLibrary`; calling that defines `vegaEmbed`.

    It is inside a function, so that a browser only skims it until the headline is on the screen.
    """
    return _kept("library.js", VEGA_LITE, _library)


def _library() -> str:
    import vl_convert

    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)
    bundle = _SCRIPT_ENDS.sub(r"<\\\g<1>", bundle)
    return f"function drawingLibrary() {{{bundle}\n}}"


if __name__ == "__main__":  # fills the cache
    compiled()
    library()
