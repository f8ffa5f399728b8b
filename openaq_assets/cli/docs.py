"""Make the asset catalog: one HTML file with a drawing of the graph and a description of each asset.

The description shows the contract of the asset, the sources of its columns, its checks and its state.
"""

import datetime as dt
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from openaq_assets.cli.html import script_json
from openaq_assets.graph.assets import Asset
from openaq_assets.graph.check_queries import check_queries
from openaq_assets.graph.operations import CreateView, Query
from openaq_assets.graph.partitions import summary
from openaq_assets.graph.records import Materialization
from openaq_assets.project.project import Project
from openaq_assets.runs.context import open_platform
from openaq_assets.runs.ledger import Ledger, state_of
from openaq_assets.runs.plan import PlanState, make_request
from openaq_assets.sql.lineage import column_lineage

RECORDS = 8
_HOLE = re.compile(r"__(TITLE|DRAWING|DATA)__")
WIDTH, HEIGHT = 176, 40
_GAP_X, _GAP_Y, _MARGIN = 56, 14, 12
_SWEEPS = 8

Edges = Mapping[str, Sequence[str]]


# --- the data


def catalog(project: Project, env: str = "dev", profile: str | None = None) -> dict[str, Any]:
    """Return everything that the catalog page shows, as JSON values; read a few records of the ledger."""
    environment, platform = open_platform(project, env, profile)
    plan_state = PlanState(project.graph, Ledger(platform.objects, environment), make_request(project.graph))
    queries = _check_queries(project)
    return {
        "project": project.name,
        "environment": env,
        "generatedAt": dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "assets": [_asset(project, plan_state, asset, queries) for asset in project.graph],
        "jobs": [
            {"name": name, "description": job.description, "schedule": str(job.schedule)}
            for name, job in sorted(project.jobs.items())
        ],
    }


def newest_records(
    project: Project, asset: str, env: str = "dev", profile: str | None = None, newest: int = RECORDS
) -> list[Materialization]:
    """Return the newest records of an asset, newest first; raise SelectionError for unknown names."""
    environment, platform = open_platform(project, env, profile)
    return _records(Ledger(platform.objects, environment), asset, newest)


def _records(ledger: Ledger, asset: str, newest: int) -> list[Materialization]:
    return [ledger.read(name) for name in ledger.history(asset)[:newest]]


def _asset(
    project: Project, plan_state: PlanState, asset: Asset, queries: Sequence[tuple[str, Query]]
) -> dict[str, Any]:
    graph, common = project.graph, asset.common
    views = (entry for entry in graph.answers[asset.key].operations if isinstance(entry, CreateView))
    return {
        "key": asset.key,
        "kind": asset.kind.name,
        "description": common.description,
        "owner": common.owner,
        "tags": list(common.tags),
        "declaredAt": f"{asset.at.path}:{asset.at.line}",
        "partitions": asset.partitions or "",
        "reads": list(graph.upstream[asset.key]),
        "readBy": sorted(graph.downstream(asset.key)),
        "fingerprint": plan_state.fingerprints[asset.key],
        "columns": _columns(project, asset),
        "checks": _checks(project, asset, queries),
        "sql": next((view.sql for view in views), "") if asset.holds == "view" else "",
        "status": _status(plan_state, asset),
        "records": [_record(record) for record in _records(plan_state.ledger, asset.key, RECORDS)],
    }


def _columns(project: Project, asset: Asset) -> list[dict[str, Any]]:
    lineage = column_lineage(project.graph, asset.key)
    return [
        {
            "name": str(column.name),
            "type": column.type,
            "unit": column.unit,
            "nullable": column.nullable,
            "description": column.description,
            "from": [[source.asset, source.column] for source in lineage.get(str(column.name), ())],
        }
        for column in project.graph.columns(asset.key)
    ]


def _check_queries(project: Project) -> list[tuple[str, Query]]:
    """Return the query of every check of an asset that holds nothing, and the key of the asset."""
    return [
        (asset.key, entry.query)
        for asset in project.graph
        if asset.holds == "nothing"
        for entry in check_queries(project.graph.answers[asset.key].checks)
    ]


def _checks(project: Project, asset: Asset, queries: Sequence[tuple[str, Query]]) -> list[dict[str, str]]:
    """Return the checks that an asset runs, and those that other assets run on its tables."""
    names = {asset.key, *project.graph.tables[asset.key]}
    return [
        {"name": query.name, "severity": query.severity, "in": owner}
        for owner, query in queries
        if owner == asset.key or names & {ref.asset for ref in query.inputs}
    ]


def _status(plan_state: PlanState, asset: Asset) -> dict[str, Any]:
    entries = plan_state.entries(asset.key)
    good = [name for name, entry in entries.items() if entry.state != "failed"]
    steps = [step for step in plan_state.steps(asset.key) if step.runs]
    last = max((entry.at for entry in entries.values()), default=None)
    return {
        "state": state_of(entries.values()),
        "partitions": summary(good),
        "last": last.strftime("%Y-%m-%dT%H:%M:%SZ") if last else None,
        "due": [f"{step.partition or 'all of it'}: {step.reason}" for step in steps],
    }


def _record(record: Materialization) -> dict[str, Any]:
    return {
        "at": record.at,
        "partition": record.partition,
        "state": record.state,
        "rows": record.facts.rows,
        "bytes": record.facts.bytes,
        "objects": record.facts.objects,
        "seconds": record.seconds,
        "reason": record.reason,
        "message": record.message or "; ".join(record.facts.failures[:3]),
        "run": record.run,
        "version": record.version,
    }


# --- the page


def render_catalog(catalog: Mapping[str, Any]) -> str:
    """Return the whole page as HTML text, from what ``catalog`` returns."""
    assets = catalog["assets"]
    kinds = {asset["key"]: asset["kind"] for asset in assets}
    parts = {
        "TITLE": html.escape(f"{catalog['project']}: asset graph"),
        "DRAWING": drawing({asset["key"]: asset["reads"] for asset in assets}, kinds),
        "DATA": script_json(catalog),
    }
    page = resources.files(__package__).joinpath("catalog.html").read_text(encoding="utf-8")
    return _HOLE.sub(lambda hole: parts[hole[1]], page)


@dataclass(frozen=True, slots=True)
class Box:
    """The position of an asset in the drawing: its upper left corner, in pixels."""

    key: str
    x: int
    y: int


def layout(upstream: Edges) -> tuple[Box, ...]:
    """Return a box for every asset: to the right of everything it reads, and near to it if there is room.

    ``upstream`` maps each asset, in graph order, to those it reads.
    """
    columns = _ranks(upstream)
    tallest = max(map(len, columns), default=0) * (HEIGHT + _GAP_Y)
    return tuple(
        Box(key, _MARGIN + number * (WIDTH + _GAP_X), _top(column, tallest) + row * (HEIGHT + _GAP_Y))
        for number, column in enumerate(columns)
        for row, key in enumerate(column)
    )


def _top(column: Sequence[str], tallest: int) -> int:
    return _MARGIN + (tallest - len(column) * (HEIGHT + _GAP_Y)) // 2


def _ranks(upstream: Edges) -> list[list[str]]:
    depth: dict[str, int] = {}
    for key, ups in upstream.items():
        depth[key] = 1 + max((depth[up] for up in ups if up in depth), default=-1)
    readers: dict[str, list[str]] = {key: [] for key in upstream}
    for key, ups in upstream.items():
        for up in ups:
            if up in readers:
                readers[up].append(key)
    for key in reversed(list(upstream)):  # an asset without inputs is drawn next to its first reader
        if not upstream[key] and readers[key]:
            depth[key] = min(depth[reader] for reader in readers[key]) - 1
    columns: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for key, number in depth.items():
        columns[number].append(key)
    for sweep in range(_SWEEPS):  # the barycentre method: boxes near their neighbours, few crossings
        rows = {key: row - len(column) / 2 for column in columns for row, key in enumerate(column)}
        neighbours = upstream if sweep % 2 == 0 else readers
        for column in columns:
            column.sort(
                key=lambda key: _mean([rows[near] for near in neighbours[key] if near in rows], rows[key])
            )
    return columns


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def drawing(upstream: Edges, kinds: Mapping[str, str]) -> str:
    """Return the graph as SVG text; classes name the kinds, each box links to ``#<asset>``."""
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
