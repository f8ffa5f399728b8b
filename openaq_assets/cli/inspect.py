"""Define the commands that only read: list, show, graph, plugins, schema, status, records, docs."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import click

from openaq_assets.cli.docs import catalog, newest_records, render_catalog
from openaq_assets.cli.json_schema import schemas
from openaq_assets.cli.options import env_option, format_option, handle_errors, load_project, profile_name
from openaq_assets.cli.output import check_lines, details, listing, mermaid, overview, table
from openaq_assets.errors import ConfigError, PlatformError
from openaq_assets.graph.assets import Asset, AssetGraph
from openaq_assets.graph.operations import Transform
from openaq_assets.graph.partitions import key_of, summary
from openaq_assets.graph.selection import select
from openaq_assets.platforms import ObjectStore
from openaq_assets.platforms.aws.prices import shown as shown_dollars
from openaq_assets.platforms.transform.schema_drift import NewField, is_known, recorded
from openaq_assets.runs.context import open_platform
from openaq_assets.runs.ledger import Ledger, state_of

_Folder = click.Path(path_type=Path)


@click.command("list")
@click.argument("selection", nargs=-1)
@handle_errors
def list_(selection: tuple[str, ...]) -> None:
    """List assets, jobs and the entries of other files in conf/; internal assets only if selected.

    \b
    Examples: openaq-assets list kind:view
              openaq-assets list +view_latest_aqi
    """
    project = load_project(strict=False)
    if selection:
        listing(project, select(project.graph, " ".join(selection)))
    else:
        overview(project)
    if project.problems:  # the valid assets were listed; the problems are still errors
        raise ConfigError(project.problems)


@click.command()
@click.argument("asset")
@click.option("--operations", is_flag=True, help="Print the unbound operations as JSON instead.")
@env_option
@handle_errors
def show(asset: str, operations: bool, env: str) -> None:
    """Show one asset: its definition, columns, lineage, and its state in the ledger.

    \b
    Examples: openaq-assets show measurements
              openaq-assets show measurements --operations
    """
    details(load_project(strict=False), asset, env, profile_name(), operations)


@click.command()
@click.argument("selection", nargs=-1)
@handle_errors
def graph(selection: tuple[str, ...]) -> None:
    """Print the asset graph as Mermaid text.

    \b
    Example: openaq-assets graph +view_latest_aqi > graph.mmd
    """
    project = load_project()
    click.echo(mermaid(project.graph, select(project.graph, " ".join(selection) or "*")))


@click.command()
@handle_errors
def plugins() -> None:
    """List everything that plugins provide, each with the name of its plugin.

    \b
    Example: openaq-assets plugins
    """
    for part in load_project(strict=False).plugins.provided:
        click.echo(f"{part.what:9} {part.name:16} {part.plugin}")


@click.command()
@click.option("--write", type=_Folder, help="Write the files to this folder.")
@handle_errors
def schema(write: Path | None) -> None:
    """Print the JSON Schema of the YAML files, for completion in editors.

    \b
    Example: openaq-assets schema --write conf/schema
    """
    for name, text in schemas(load_project(strict=False).plugins).items():
        if write is None:
            click.echo(f"// {name}\n{text}")
            continue
        write.mkdir(parents=True, exist_ok=True)
        (write / name).write_text(text + "\n", encoding="utf-8")
        click.echo(f"wrote {write / name}")


_SHOWN_REASONS = 5
_SHOWN_SAMPLE = 40


class Quarantined(NamedTuple):
    """A quarantined row or object: its position and the reason."""

    asset: str
    day: str
    object: str
    position: int | None
    reason: str


def _quarantined(store: ObjectStore, folder: str, asset: str) -> Iterator[Quarantined]:
    for uri in store.list(folder):
        if day := key_of(uri):
            for line in map(json.loads, store.get(uri).splitlines()):
                yield Quarantined(asset, day, line["object"], line.get("position"), line["reason"])


def _new_fields(graph: AssetGraph, asset: Asset, store: ObjectStore, quarantine: str) -> list[NewField]:
    """Return the recorded fields of an asset that its recipe still does not know."""
    operations = graph.answers[asset.key].operations
    recipes = [operation.recipe for operation in operations if isinstance(operation, Transform)]
    fields = recorded(store, quarantine) if recipes else []
    return [field for field in fields if not any(is_known(recipe, field.path) for recipe in recipes)]


@click.command()
@click.option("--quarantine", is_flag=True, help="List every quarantined row and object with its reason.")
@env_option
@handle_errors
def status(quarantine: bool, env: str) -> None:
    """Show the state of every asset: made or failed, which days, when, quarantined rows, new fields.

    A new field is a field of raw objects that no column reads. It is not shown any more when a column
    reads it or the asset's 'known' contains it.

    \b
    Examples: openaq-assets status
              openaq-assets status --quarantine
    """
    project = load_project(strict=False)
    environment, platform = open_platform(project, env, profile_name())
    store, ledger = platform.objects, Ledger(platform.objects, environment)
    folders = {asset.key: environment.uri("quarantine", asset.key) for asset in project.graph}
    entries = [entry for key, folder in folders.items() for entry in _quarantined(store, folder, key)]
    if quarantine:
        click.echo(table(Quarantined._fields, entries))
        return
    new = [
        (asset.key, field)
        for asset in project.graph
        for field in _new_fields(project.graph, asset, store, folders[asset.key])
    ]
    counts = Counter(entry.asset for entry in entries)
    headers = ("asset", "kind", "state", "partitions", "last (UTC)", "quarantined")
    click.echo(table(headers, [_row(ledger, asset, counts[asset.key]) for asset in project.graph]))
    _print_checks(ledger, project.graph)
    _print_reasons(entries)
    _print_new(new)


def _row(ledger: Ledger, asset: Asset, quarantined: int) -> tuple[object, ...]:
    entries = ledger.entries(asset.key)
    good = summary(partition for partition, entry in entries.items() if entry.state != "failed")
    last = max((f"{entry.at:%Y-%m-%d %H:%M:%S}" for entry in entries.values()), default="")
    return asset.key, asset.kind.name, state_of(entries.values()), good, last, quarantined or None


def _print_checks(ledger: Ledger, graph: AssetGraph) -> None:
    lines = [f"  {asset.key}: {line}" for asset in graph for line in check_lines(ledger, asset.key)]
    if failed := [line for line in lines if not line.endswith(" passed")]:
        click.echo("\n".join(("\nChecks that did not pass when an asset was last made:", *failed)))


def _print_reasons(entries: Sequence[Quarantined]) -> None:
    if not entries:
        return
    click.echo("\nQuarantined, most frequent first (list all: openaq-assets status --quarantine):")
    counted = Counter((entry.asset, entry.reason) for entry in entries)
    for (asset, reason), times in counted.most_common(_SHOWN_REASONS):
        click.echo(f"  {times} x {asset}: {reason}")


def _print_new(new: list[tuple[str, NewField]]) -> None:
    if not new:
        return
    click.echo("\nNew fields (read them with a column, or add them to the asset's 'known'):")
    headers = ("asset", "field", "first seen (UTC)", "sample", "object")
    rows = [
        (key, field.path, _time(field.first_seen), _cut(field.sample), field.object) for key, field in new
    ]
    click.echo(table(headers, rows))


def _time(stamp: str) -> str:
    return stamp[:19].replace("T", " ")


def _cut(sample: str) -> str:
    return sample if len(sample) <= _SHOWN_SAMPLE else f"{sample[: _SHOWN_SAMPLE - 3]}..."


@click.command()
@click.argument("asset")
@click.option("--run", default="", help="Only the records of this run (its id).")
@click.option(
    "--newest", default=100, show_default=True, type=click.IntRange(1, 10_000), help="How many records."
)
@format_option("How to print them.")
@env_option
@handle_errors
def records(asset: str, run: str, newest: int, form: str, env: str) -> None:
    """List the newest materializations of an asset, newest first.

    \b
    Examples: openaq-assets records measurements
              openaq-assets records measurements --newest 1 --format json
    """
    project = load_project(strict=False)
    project.graph[asset]  # raises SelectionError for an unknown name
    records = newest_records(project, asset, env, profile_name(), newest)
    shown = [record for record in records if run in ("", record.run)]
    if form == "json":
        click.echo(json.dumps([asdict(record) for record in shown], ensure_ascii=False, indent=1))
        return
    headers = ("at (UTC)", "partition", "state", "rows", "bytes", "seconds", "dollars", "why")
    rows = [
        (
            _time(record.at),
            record.partition or "all",
            record.state,
            record.facts.rows,
            record.facts.bytes,
            record.seconds,
            shown_dollars(record.dollars),
            record.message or record.reason,
        )
        for record in shown
    ]
    click.echo(table(headers, rows))


DEFAULT = Path("build/docs/index.html")


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT,
    show_default=True,
    help="The file to write.",
)
@click.option("--open", "open_it", is_flag=True, help="Open the file in the browser.")
@env_option
@handle_errors
def docs(out: Path, open_it: bool, env: str) -> None:
    """Write the asset catalog: the graph, columns with units and lineage, checks, last materializations.

    The catalog is one HTML file that needs no network. Assets with mistakes are left out; run 'check' to
    see the mistakes.

    \b
    Examples: openaq-assets docs --open
              openaq-assets docs --env prod --out site/index.html
    """
    page = render_catalog(catalog(load_project(strict=False), env, profile_name()))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        raise PlatformError(
            f"cannot write {out}: {error.strerror}. Choose another file with --out."
        ) from error
    click.echo(f"wrote {out}")
    if open_it:
        click.launch(str(out.absolute()))
