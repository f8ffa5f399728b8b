"""The asset catalog as one HTML file: the graph drawn, and everything known of each asset."""

import html
import json
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

from openaq_assets.dashboard.drawing import drawing

_HOLE = re.compile(r"__(TITLE|DRAWING|DATA)__")
# `<` would let a text close the script element; the two separators end a line in older JavaScript.
_SCRIPT_ESCAPES = {ord("<"): "\\u003c", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def render_catalog(catalog: Mapping[str, Any]) -> str:
    """The whole page as HTML text, from what ``documentation.catalog`` returns."""
    assets = catalog["assets"]
    picture = drawing(
        {one["key"]: one["reads"] for one in assets}, {one["key"]: one["kind"] for one in assets}
    )
    data = json.dumps(catalog, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    parts = {
        "TITLE": html.escape(f"{catalog['project']}: asset graph"),
        "DRAWING": picture,
        "DATA": data.translate(_SCRIPT_ESCAPES),
    }
    page = resources.files(__package__).joinpath("catalog.html").read_text(encoding="utf-8")
    return _HOLE.sub(lambda hole: parts[hole[1]], page)
