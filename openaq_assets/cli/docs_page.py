"""The asset catalog as one HTML file: the graph drawn, and everything known of each asset."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from openaq_assets.html import script_json

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


WIDTH, HEIGHT = 176, 40
_GAP_X, _GAP_Y, _MARGIN = 56, 14, 12
_SWEEPS = 8

Edges = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Box:
    """Where an asset is drawn: its left upper corner."""

    key: str
    x: int
    y: int


def layout(upstream: Edges) -> tuple[Box, ...]:
    """A box for every asset: each right of all it reads, and near them where there is room.

    ``upstream`` maps each asset, in graph order, to those it reads.
    """
    columns = _columns(upstream)
    tallest = max((len(one) for one in columns), default=0) * (HEIGHT + _GAP_Y)
    return tuple(
        Box(key, _MARGIN + number * (WIDTH + _GAP_X), _top(column, tallest) + row * (HEIGHT + _GAP_Y))
        for number, column in enumerate(columns)
        for row, key in enumerate(column)
    )


def _top(column: Sequence[str], tallest: int) -> int:
    return _MARGIN + (tallest - len(column) * (HEIGHT + _GAP_Y)) // 2


def _columns(upstream: Edges) -> list[list[str]]:
    depth: dict[str, int] = {}
    for key, ups in upstream.items():
        depth[key] = 1 + max((depth[up] for up in ups if up in depth), default=-1)
    readers: dict[str, list[str]] = {key: [] for key in upstream}
    for key, ups in upstream.items():
        for up in ups:
            if up in readers:
                readers[up].append(key)
    for key in reversed(list(upstream)):  # what reads nothing stands beside its first reader
        if not upstream[key] and readers[key]:
            depth[key] = min(depth[one] for one in readers[key]) - 1
    columns: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for key, number in depth.items():
        columns[number].append(key)
    for sweep in range(_SWEEPS):  # the barycentre method: near one's neighbours, few crossings
        rows = {key: row - len(column) / 2 for column in columns for row, key in enumerate(column)}
        beside = upstream if sweep % 2 == 0 else readers
        for column in columns:
            column.sort(key=lambda key: _mean([rows[one] for one in beside[key] if one in rows], rows[key]))
    return columns


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def drawing(upstream: Edges, kinds: Mapping[str, str]) -> str:
    """The graph as SVG text; classes name the kinds, each box links to ``#<asset>``."""
    boxes = {box.key: box for box in layout(upstream)}
    width = max((box.x for box in boxes.values()), default=0) + WIDTH + _MARGIN
    height = max((box.y for box in boxes.values()), default=0) + HEIGHT + _MARGIN
    lines = [_edge(boxes[up], box) for box in boxes.values() for up in upstream[box.key] if up in boxes]
    nodes = [_node(box, kinds.get(box.key, "")) for box in boxes.values()]
    return (
        f'<svg id="graph" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="group" '
        f'aria-label="Asset graph"><g class="edges">{"".join(lines)}</g>{"".join(nodes)}</svg>'
    )


def _edge(start: Box, end: Box) -> str:
    x1, y1, x2, y2 = start.x + WIDTH, start.y + HEIGHT // 2, end.x, end.y + HEIGHT // 2
    bend = max(_GAP_X // 2, (x2 - x1) // 3)
    names = f'data-from="{_text(start.key)}" data-to="{_text(end.key)}"'
    return f'<path {names} d="M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"/>'


def _node(box: Box, kind: str) -> str:
    name = box.key if len(box.key) <= 24 else box.key[:23] + "…"
    return (
        f'<a href="#{_text(box.key)}" class="node kind-{_text(kind)}" data-key="{_text(box.key)}">'
        f"<title>{_text(box.key)} ({_text(kind)})</title>"
        f'<rect x="{box.x}" y="{box.y}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
        f'<text x="{box.x + 12}" y="{box.y + 17}" class="name">{_text(name)}</text>'
        f'<text x="{box.x + 12}" y="{box.y + 31}" class="kind">{_text(kind)}</text>'
        f'<circle cx="{box.x + WIDTH - 12}" cy="{box.y + 12}" r="4"/></a>'
    )


def _text(value: str) -> str:
    return html.escape(value, quote=True)
