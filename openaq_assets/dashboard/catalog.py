"""The asset catalog as one HTML file: the graph drawn, and everything known of each asset."""

import html
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

from openaq_assets.dashboard.drawing import drawing
from openaq_assets.dashboard.embedding import script_json

_HOLE = re.compile(r"__(TITLE|DRAWING|DATA)__")


def render_catalog(catalog: Mapping[str, Any]) -> str:
    """The whole page as HTML text, from what ``documentation.catalog`` returns."""
    assets = catalog["assets"]
    picture = drawing(
        {one["key"]: one["reads"] for one in assets}, {one["key"]: one["kind"] for one in assets}
    )
    parts = {
        "TITLE": html.escape(f"{catalog['project']}: asset graph"),
        "DRAWING": picture,
        "DATA": script_json(catalog),
    }
    page = resources.files(__package__).joinpath("catalog.html").read_text(encoding="utf-8")
    return _HOLE.sub(lambda hole: parts[hole[1]], page)
