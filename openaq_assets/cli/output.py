"""Format the output of commands: listings, details, Mermaid text, results, and rows of queries."""

import csv
import io
import json
import re
import sys
from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from openaq_assets.graph.assets import Asset, AssetGraph, operations_of
from openaq_assets.graph.operations import to_json
from openaq_assets.graph.partitions import summary
from openaq_assets.graph.records import Facts
from openaq_assets.platforms import Rows
from openaq_assets.project.project import Project
from openaq_assets.runs.checks import check_operations
from openaq_assets.runs.context import Result, open_platform
from openaq_assets.runs.ledger import Ledger


def table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return rows below headers as aligned text of any width; numbers are right-aligned, NULL is empty."""
    grid, cells = Table.grid(padding=(0, 2, 0, 0)), []
    for header, *values in zip(headers, *rows):
        is_number = bool(values) and all(isinstance(value, int | float | None) for value in values)
        grid.add_column(justify="right" if is_number else "left", no_wrap=True)
        cells.append(Text("\n".join((header, *map(_shown, values)))))
    grid.add_row(*cells)  # one cell of many lines per column: rich needs a fifth of the time
    console = Console(file=io.StringIO(), width=sys.maxsize, color_system=None)
    with console.capture() as text:
        console.print(grid)
    return "\n".join(line.rstrip() for line in text.get().removesuffix("\n").split("\n"))


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else " ".join(re.split(r"[\n\t]", str(value)))


def listing(project: Project, keys: Sequence[str]) -> None:
    """Print a table of assets."""
    graph = project.graph
    rows = [(*_listed(graph[key]), ", ".join(graph.upstream[key]), _first(graph[key])) for key in keys]
    click.echo(table(("asset", "kind", "partitions", "reads", "description"), rows))


def overview(project: Project) -> None:
    """Print the assets that are not internal, the entries of other files in conf/, and the jobs."""
    graph = project.graph
    internal = [asset.key for asset in graph if asset.kind.internal]
    listing(project, [key for key in graph.assets if key not in internal])
    if internal:
        click.echo(f"Not listed, because internal: {len(internal)}. See: openaq-assets list {internal[0]}")
    for file in project.plugins.conf_files.values():
        entries = [
            (name, selector, getattr(graph.conf[file.path][name], "description", ""))
            for name, selector in graph.selectors.get(file.section, {}).items()
        ]
        if entries:
            headers = (file.section.removesuffix("s"), "asked as", "description")
            click.echo("\n" + table(headers, entries))
    jobs = [(name, str(job.schedule), job.environment, job.select) for name, job in project.jobs.items()]
    click.echo("\n" + table(("job", "schedule", "environment", "selection"), jobs))


def _listed(asset: Asset) -> tuple[str, str, str]:
    return asset.key, asset.kind.name, asset.partitions or ""


def _first(asset: Asset) -> str:
    text = asset.common.description
    return text if len(text) <= 60 else text[:57].rsplit(" ", 1)[0] + "..."


def details(project: Project, key: str, env: str, profile: str | None, operations: bool) -> None:
    """Print the definition and the state of one asset, or only its operations as JSON."""
    graph = project.graph
    asset = graph[key]
    if operations:
        scope = graph.answers[key].scope
        checks = check_operations(graph, asset, ()) if asset.holds == "nothing" else []
        for operation in (*operations_of(graph, asset, (), scope), *checks):
            click.echo(to_json(operation))
        return
    environment, platform = open_platform(project, env, profile)
    facts = [
        ("asset", key),
        ("kind", asset.kind.name),
        ("description", asset.common.description),
        ("declared at", f"{asset.at.path}:{asset.at.line}"),
        ("partitions", asset.partitions or "none"),
        ("reads", ", ".join(graph.upstream[key]) or "nothing"),
        ("read by", ", ".join(graph.downstream(key)) or "nothing"),
        ("fingerprint", graph.fingerprints[key]),
    ]
    ledger = Ledger(platform.objects, environment)
    entries = ledger.entries(key)
    if entries:
        newest = max(entries.values(), key=lambda entry: entry.at)
        good = summary(name for name, entry in entries.items() if entry.state != "failed")
        facts.append(("materialized", good or "yes"))
        facts.append(("last", f"{newest.at:%Y-%m-%d %H:%M:%S} UTC, {newest.state}"))
        facts += [("checks", line) for line in check_lines(ledger, key)]
    for name, value in facts:
        click.echo(f"{name:14}{value}")
    columns = [(column.name, column.type, column.unit, column.description) for column in graph.columns(key)]
    if columns:
        click.echo("\n" + table(("column", "type", "unit", "description"), columns))


def check_lines(ledger: Ledger, key: str) -> list[str]:
    """Return the check results of the last materialization of an asset.

    There is one line for each check that did not pass, and one with the number of those that passed.
    """
    newest = ledger.history(key)[:1]
    checks = ledger.read(newest[0]).checks if newest else ()
    lines = [
        f"{'FAILED' if check.blocks else 'warned'}  {check}" for check in checks if check.state != "passed"
    ]
    good = len(checks) - len(lines)
    return lines + ([f"{good} passed"] if good else [])


def mermaid(graph: AssetGraph, keys: Sequence[str]) -> str:
    """Return some assets and the edges between them as Mermaid text."""
    shown = set(keys)
    nodes = [f'    {key}["{key}<br/><i>{graph[key].kind.name}</i>"]' for key in keys]
    edges = [f"    {up} --> {key}" for key in keys for up in graph.upstream[key] if up in shown]
    return "\n".join(("flowchart LR", *nodes, *edges))


_MARKS = {
    "ok": "made",
    "partial": "PARTIAL",
    "failed": "FAILED",
    "skipped": "up to date",
    "blocked": "BLOCKED",
}


def result_line(result: Result) -> str:
    """Return the result of one asset as one line, with a line for its warning and each notice."""
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
    """Return the number of assets of a run by state, as one line."""
    states = [result.state for result in results]
    words = [f"{states.count(state)} {word.lower()}" for state, word in _MARKS.items() if state in states]
    return f"{len(results)} assets: {', '.join(words)}."


def print_rows(rows: Rows, form: str) -> None:
    """Print the rows of a query as ``table``, ``csv`` or ``json``."""
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
