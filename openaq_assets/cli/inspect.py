"""Commands that only look: list, show, graph, plugins, schema, status, records, docs."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import click

from openaq_assets.cli.docs import catalog, newest_records, render_catalog
from openaq_assets.cli.json_schema import schemas
from openaq_assets.cli.options import env_option, handle_errors, load_project, profile_name
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
    """List assets, jobs and what else conf/ declares; internal assets only where they are selected.

    \b
    Examples: openaq-assets list kind:view
              openaq-assets list +view_latest_aqi
    """
    project = load_project(strict=False)
    if selection:
        listing(project, select(project.graph, " ".join(selection)))
    else:
        overview(project)
    if project.problems:  # what is good was shown; what is not is still an error
        raise ConfigError(project.problems)


@click.command()
@click.argument("asset")
@click.option("--operations", is_flag=True, help="The operations as JSON, unbound.")
@env_option
@handle_errors
def show(asset: str, operations: bool, env: str) -> None:
    """Show one asset: definition, columns, lineage and what the ledger knows of it.

    \b
    Example: openaq-assets show measurements
    """
    details(load_project(strict=False), asset, env, profile_name(), operations)


@click.command()
@click.argument("selection", nargs=-1)
@handle_errors
def graph(selection: tuple[str, ...]) -> None:
    """Print the graph as Mermaid text.

    \b
    Example: openaq-assets graph +view_latest_aqi > graph.mmd
    """
    project = load_project()
    click.echo(mermaid(project.graph, select(project.graph, " ".join(selection) or "*")))


@click.command()
@handle_errors
def plugins() -> None:
    """List what every plugin provides, and which plugin it is.

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
    """Something that did not fit: where it is and why."""

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
    """Return what was recorded of an asset and its recipe does not know by now."""
    operations = graph.answers[asset.key].operations
    recipes = [operation.recipe for operation in operations if isinstance(operation, Transform)]
    fields = recorded(store, quarantine) if recipes else []
    return [field for field in fields if not any(is_known(recipe, field.path) for recipe in recipes)]


@click.command()
@click.option("--quarantine", is_flag=True, help="Every row and object set aside, with its reason.")
@env_option
@handle_errors
def status(quarantine: bool, env: str) -> None:
    """Say how every asset stands: made or failed, for which days, when, what did not fit, what is new.

    New fields are those of raw objects that no column reads. Read them with a column, or add
    them to the asset's 'known', and they are not shown any more.

    \b
    Examples: openaq-assets status
              openaq-assets status --quarantine
    """
    project = load_project(strict=False)
    home, platform = open_platform(project, env, profile_name())
    store, ledger = platform.objects, Ledger(platform.objects, home)
    folders = {asset.key: home.uri("quarantine", asset.key) for asset in project.graph}
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
    headers = ("asset", "kind", "state", "partitions", "last (UTC)", "set aside")
    click.echo(table(headers, [_row(ledger, asset, counts[asset.key]) for asset in project.graph]))
    _say_checks(ledger, project.graph)
    _say_reasons(entries)
    _say_new(new)


def _row(ledger: Ledger, asset: Asset, quarantined: int) -> tuple[object, ...]:
    entries = ledger.entries(asset.key)
    good = summary(partition for partition, entry in entries.items() if entry.state != "failed")
    last = max((f"{entry.at:%Y-%m-%d %H:%M:%S}" for entry in entries.values()), default="")
    return asset.key, asset.kind.name, state_of(entries.values()), good, last, quarantined or None


def _say_checks(ledger: Ledger, graph: AssetGraph) -> None:
    lines = [f"  {asset.key}: {line}" for asset in graph for line in check_lines(ledger, asset.key)]
    if failed := [line for line in lines if not line.endswith(" passed")]:
        click.echo("\n".join(("\nChecks that did not pass when an asset was last made:", *failed)))


def _say_reasons(entries: Sequence[Quarantined]) -> None:
    if not entries:
        return
    click.echo("\nSet aside, most frequent first (all of it: openaq-assets status --quarantine):")
    counted = Counter((entry.asset, entry.reason) for entry in entries)
    for (asset, reason), times in counted.most_common(_SHOWN_REASONS):
        click.echo(f"  {times} x {asset}: {reason}")


def _say_new(new: list[tuple[str, NewField]]) -> None:
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
@click.option("--run", default="", help="Only those of this run.")
@click.option("--newest", default=100, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
@env_option
@handle_errors
def records(asset: str, run: str, newest: int, form: str, env: str) -> None:
    """List the newest materializations of an asset, newest first.

    \b
    Examples: openaq-assets records measurements
              openaq-assets records measurements --newest 1 --format json
    """
    project = load_project(strict=False)
    project.graph[asset]  # raises for a name that is none
    records = newest_records(project, asset, env, profile_name(), newest)
    shown = [record for record in records if run in ("", record.run)]
    if form == "json":
        click.echo(json.dumps([asdict(record) for record in shown], ensure_ascii=False, indent=1))
        return
    headers = ("at (UTC)", "partition", "state", "rows", "bytes", "seconds", "dollars", "why")
    rows = [
        (_time(record.at), record.partition or "all", record.state, record.facts.rows, record.facts.bytes,
         record.seconds, shown_dollars(record.dollars), record.message or record.reason)
        for record in shown
    ]  # fmt: skip
    click.echo(table(headers, rows))


DEFAULT = Path("build/docs/index.html")


@click.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=DEFAULT, show_default=True)
@click.option("--open", "open_it", is_flag=True, help="Open it in the browser.")
@env_option
@handle_errors
def docs(out: Path, open_it: bool, env: str) -> None:
    """Write the asset catalog: the graph, columns with units and lineage, checks, last materializations.

    One HTML file that needs no network. Assets of a broken file are left out; 'check' says why.

    \b
    Examples: openaq-assets docs --open
              openaq-assets docs --env prod --out site/index.html
    """
    page = render_catalog(catalog(load_project(strict=False), env, profile_name()))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        raise PlatformError(f"{out}: {error.strerror}. Choose another --out.") from error
    click.echo(f"wrote {out}")
    if open_it:
        click.launch(str(out.absolute()))
