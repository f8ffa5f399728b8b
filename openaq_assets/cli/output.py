"""All text that people read: listings, details, Mermaid, results and rows of queries."""

import csv
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from openaq_assets.graph.assets import Asset, AssetGraph, operations_of
from openaq_assets.graph.operations import to_json
from openaq_assets.graph.partitions import summary
from openaq_assets.graph.records import Facts
from openaq_assets.platforms import Rows
from openaq_assets.project.project import Project
from openaq_assets.runs.checks import check_operations
from openaq_assets.runs.context import Result, open_platform

if TYPE_CHECKING:
    from openaq_assets.runs.ledger import Ledger


def table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Rows under headers, aligned; numbers to the right, NULL as nothing."""
    cells = [[_shown(value) for value in row] for row in rows]
    widths = [
        max(len(header), *(len(row[index]) for row in cells)) if cells else len(header)
        for index, header in enumerate(headers)
    ]
    right = [
        bool(rows) and all(isinstance(row[n], int | float | None) for row in rows)
        for n in range(len(headers))
    ]
    lines = [list(headers), *cells]
    return "\n".join(
        "  ".join(
            text.rjust(width) if align and number else text.ljust(width)
            for number, (text, width, align) in enumerate(zip(line, widths, right), 1)
        ).rstrip()
        for line in lines
    )


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value).replace("\n", " ")


def listing(project: Project, keys: Sequence[str], *, everything: bool) -> None:
    """Print assets, and with ``everything`` also locations and jobs."""
    graph = project.graph
    rows = [
        (one.key, one.kind.name, one.partitions or "", ", ".join(graph.upstream[one.key]), _first(one))
        for one in map(graph.__getitem__, keys)
    ]
    click.echo(table(("asset", "kind", "partitions", "reads", "description"), rows))
    if not everything:
        return
    for file in project.plugins.conf_files.values():
        selectors = graph.selectors.get(file.section, {})
        entries = [
            (name, selector, getattr(graph.conf[file.path][name], "description", ""))
            for name, selector in selectors.items()
        ]
        if entries:
            headers = (file.section.removesuffix("s"), "asked as", "description")
            click.echo("\n" + table(headers, entries))
    jobs = [(name, str(job.schedule), job.environment, job.select) for name, job in project.jobs.items()]
    click.echo("\n" + table(("job", "schedule", "environment", "selection"), jobs))


def _first(asset: Asset) -> str:
    text = asset.common.description
    return text if len(text) <= 60 else text[:57].rsplit(" ", 1)[0] + "..."


def details(project: Project, key: str, env: str, profile: str | None, operations: bool) -> None:
    """Print everything known of one asset."""
    from openaq_assets.runs.ledger import Ledger

    graph = project.graph
    asset = graph[key]
    if operations:
        scope = graph.answers[key].scope
        checks = check_operations(graph, asset, ()) if asset.holds == "nothing" else []
        for operation in (*operations_of(graph, asset, (), scope), *checks):
            click.echo(to_json(operation))
        return
    place, platform = open_platform(project, env, profile)
    facts = [
        ("asset", key), ("kind", asset.kind.name), ("description", asset.common.description),
        ("declared at", f"{asset.at.path}:{asset.at.line}"), ("partitions", asset.partitions or "none"),
        ("reads", ", ".join(graph.upstream[key]) or "nothing"),
        ("read by", ", ".join(graph.downstream(key)) or "nothing"),
        ("fingerprint", graph.fingerprints[key]),
    ]  # fmt: skip
    ledger = Ledger(platform.objects, place)
    entries = ledger.entries(key)
    good = [name for name, one in entries.items() if one.state != "failed"]
    if entries:
        newest = max(entries.values(), key=lambda one: one.at)
        facts.append(("materialized", summary(good) or "yes"))
        facts.append(("last", f"{newest.at:%Y-%m-%d %H:%M:%S} UTC, {newest.state}"))
        facts += [("checks", line) for line in check_lines(ledger, key)]
    for name, value in facts:
        click.echo(f"{name:14}{value}")
    columns = [(one.name, one.type, one.unit, one.description) for one in graph.columns(key)]
    if columns:
        click.echo("\n" + table(("column", "type", "unit", "description"), columns))


def check_lines(ledger: "Ledger", key: str) -> list[str]:
    """What came of the checks when an asset was last made: those that failed, each with its rows, and
    how many did not."""
    newest = ledger.history(key)[:1]
    checks = ledger.read(newest[0]).checks if newest else ()
    lines = [f"{'FAILED' if one.blocks else 'warned'}  {one}" for one in checks if one.state != "passed"]
    good = len(checks) - len(lines)
    return lines + ([f"{good} passed"] if good else [])


def mermaid(graph: AssetGraph, keys: Sequence[str]) -> str:
    """The graph among some assets as Mermaid text."""
    shown = set(keys)
    nodes = [f'    {key}["{key}<br/><i>{graph[key].kind.name}</i>"]' for key in keys]
    edges = [f"    {up} --> {key}" for key in keys for up in graph.upstream[key] if up in shown]
    return "\n".join(("flowchart LR", *nodes, *edges))


_MARKS = {
    "ok": "made", "partial": "PARTIAL", "failed": "FAILED", "skipped": "up to date", "blocked": "BLOCKED",
}  # fmt: skip


def result_line(result: Result) -> str:
    """What became of one asset, as one line."""
    days = summary(record.partition for record in result.records)
    parts = [f"{_MARKS[result.state]:10} {result.asset:22}", days, _counts(result.facts)]
    if result.state in ("partial", "failed", "blocked"):
        parts.append(result.message)
    line = "  ".join(part for part in parts if part).rstrip()
    warned = [f"  warned: {result.warning}"] if result.warning else []
    return "\n".join((line, *warned, *(f"  {notice}" for notice in result.facts.notices)))


def _counts(facts: Facts) -> str:
    parts = [f"{facts.rows:,} rows"] if facts.rows else []
    parts += [f"{facts.bytes:,} bytes"] if facts.bytes else []
    parts += [f"{facts.quarantined:,} quarantined"] if facts.quarantined else []
    return ", ".join(parts)


def summary_line(results: Sequence[Result]) -> str:
    """What became of a run, as one line."""
    states = [result.state for result in results]
    words = [f"{states.count(state)} {word.lower()}" for state, word in _MARKS.items() if state in states]
    return f"{len(results)} assets: {', '.join(words)}."


def print_rows(rows: Rows, form: str) -> None:
    """Print the answer to a query."""
    names = [str(column.name) for column in rows.columns]
    if form == "json":
        click.echo(json.dumps(rows.as_dicts(), ensure_ascii=False, default=str, indent=1))
    elif form == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(names)
        writer.writerows(rows.rows)
    else:
        click.echo(table(names, rows.rows))
        click.echo(f"({len(rows.rows)} rows)")
