"""The Air Quality Overview as one HTML file without a network, from rows of the serving views.

`page.html` has holes for the style, the scripts, the texts and the data. Station and city names come from
outside, so they travel only as JSON text and reach the screen only as text.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from openaq_assets.cli.html import script_json
from openaq_assets.openaq.dashboard import charts
from openaq_assets.openaq.dashboard.payload import Overview, payload

_SCRIPTS = ("1_words", "2_data", "3_headline", "4_charts", "5_map", "6_controls")
_HOLE = re.compile(r"__(POLICY|TITLE|STYLE|TEXTS|BANDS|OUTLINE|CHARTS|DATA|SCRIPT|LIBRARY)__")


def render(overview: Overview) -> str:
    """Return the whole page as HTML text; raise `ValueError` for rows that lack a column."""
    title = html.escape(overview.title or texts()["en"]["title"])
    parts = {**_fixed(), "TITLE": title, "DATA": script_json(payload(overview))}
    return _HOLE.sub(lambda hole: parts[hole[1]], charts.resource("page.html"))


@cache
def _fixed() -> Mapping[str, str]:
    """Return the parts that are the same on every page."""
    scripts = "\n".join(charts.resource(f"script/{name}.js") for name in _SCRIPTS)
    style, library = style_sheet(), charts.library()
    return {
        "STYLE": style,
        "SCRIPT": scripts,
        "LIBRARY": library,
        "POLICY": _policy(style, scripts, library),
        "TEXTS": script_json(texts()),
        "BANDS": script_json(bands()),
        "OUTLINE": script_json(json.loads(charts.resource("outline.json"))),
        "CHARTS": script_json(json.loads(charts.compiled())),
    }


def _policy(style: str, *scripts: str) -> str:
    """Return a content security policy under which nothing but these texts runs or loads."""
    allowed = " ".join(map(_digest, scripts))
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_digest(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def texts() -> dict[str, Any]:
    """Return every text of the page, by language and key."""
    return dict(json.loads(charts.resource("texts.json")))


def bands() -> dict[str, Any]:
    """Return the bands of both indices with their colours, words and advice, and the limits of the trend."""
    return dict(json.loads(charts.resource("bands.json")))


def style_sheet() -> str:
    """Return the style sheet with the colours of the bands in both palettes."""
    standard, assist = (
        "".join(f"--aqi-{n}:{band[colour]};--ink-{n}:{band['ink']};" for n, band in enumerate(bands()["us"]))
        for colour in ("colour", "assist")
    )
    chosen = f':root{{{standard}}}:root[data-palette="assist"]{{{assist}}}'
    return charts.resource("page.css") + chosen + "\n"
