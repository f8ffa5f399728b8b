"""Commands that only look: list, show, graph, plugins, schema, status, records, docs."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from openaq_assets.cli.docs_data import catalog, newest_records
from openaq_assets.cli.docs_page import render_catalog
from openaq_assets.cli.json_schema import schemas
from openaq_assets.cli.options import env_option, handle_errors, load_project, profile_name
from openaq_assets.cli.output import check_lines, details, listing, mermaid, table
from openaq_assets.errors import ConfigError, PlatformError
from openaq_assets.graph.assets import Asset, AssetGraph
from openaq_assets.graph.operations import Transform
from openaq_assets.graph.partitions import key_of, summary
from openaq_assets.graph.selection import select
from openaq_assets.platforms import ObjectStore
from openaq_assets.platforms.aws.prices import shown as shown_dollars
from openaq_assets.platforms.transform.schema_drift import NewField, is_known, recorded
from openaq_assets.project.project import Project
from openaq_assets.runs.context import open_platform
from openaq_assets.runs.ledger import Ledger, state_of

_Folder = click.Path(path_type=Path)


@click.command("list")
@click.argument("selection", nargs=-1)
@handle_errors
def list_(selection: tuple[str, ...]) -> None:
    """List assets, jobs and what else conf/ declares.

    \b
    Examples: openaq-assets list kind:view
              openaq-assets list +view_latest_aqi
    """
    project = load_project(strict=False)
    keys = select(project.graph, " ".join(selection)) if selection else tuple(project.graph.assets)
    listing(project, keys, everything=not selection)
    _end_with_problems(project)


def _end_with_problems(project: "Project") -> None:
    """What is good was shown; what is not is still an error."""
    if project.problems:
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
    for one in load_project(strict=False).plugins.provided:
        click.echo(f"{one.what:9} {one.name:16} {one.plugin}")


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


@dataclass(frozen=True, slots=True)
class Standing:
    """An asset as the ledger knows it; ``quarantined`` counts rows and objects set aside, ``checks``
    says what failed when it was last made."""

    asset: str
    kind: str
    state: str
    partitions: str
    last: dt.datetime | None
    quarantined: int
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SetAside:
    """Something that did not fit: where it is and why."""

    asset: str
    day: str
    object: str
    position: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Standings:
    """How every asset stands, everything that is set aside, and by asset the fields not yet known."""

    assets: list[Standing]
    aside: list[SetAside]
    new: list[tuple[str, NewField]]


def standings(project: Project, env: str = "dev", profile: str | None = None) -> Standings:
    """How everything stands in an environment."""
    place, platform = open_platform(project, env, profile)
    ledger = Ledger(platform.objects, place)
    found, aside, new = [], [], []
    for asset in project.graph:
        entries = ledger.entries(asset.key)
        state = state_of(entries.values())
        good = summary(partition for partition, one in entries.items() if one.state != "failed")
        last = max((one.at for one in entries.values()), default=None)
        mine = []
        quarantine = place.uri("quarantine", asset.key)
        for uri in platform.objects.list(quarantine):
            if day := key_of(uri):
                mine += list(_lines(asset.key, day, platform.objects.get(uri)))
        new += [(asset.key, one) for one in _new_fields(project.graph, asset, platform.objects, quarantine)]
        lines = tuple(one for one in check_lines(ledger, asset.key) if not one.endswith(" passed"))
        found.append(Standing(asset.key, asset.kind.name, state, good, last, len(mine), lines))
        aside += mine
    return Standings(found, aside, new)


def _new_fields(graph: AssetGraph, asset: Asset, store: ObjectStore, quarantine: str) -> list[NewField]:
    """What was recorded of an asset and its recipe does not know by now."""
    operations = graph.answers[asset.key].operations
    recipes = [one.recipe for one in operations if isinstance(one, Transform)]
    found = recorded(store, quarantine) if recipes else []
    return [one for one in found if not any(is_known(recipe, one.path) for recipe in recipes)]


def _lines(asset: str, day: str, body: bytes) -> Iterator[SetAside]:
    for line in body.splitlines():
        one = json.loads(line)
        yield SetAside(asset, day, one["object"], one.get("position"), one["reason"])


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
    found = standings(load_project(strict=False), env, profile_name())
    if quarantine:
        rows = [(one.asset, one.day, one.object, one.position, one.reason) for one in found.aside]
        click.echo(table(("asset", "day", "object", "position", "reason"), rows))
        return
    headers = ("asset", "kind", "state", "partitions", "last (UTC)", "set aside")
    click.echo(table(headers, [_row(one) for one in found.assets]))
    _say_checks(found.assets)
    _say_reasons(found.aside)
    _say_new(found.new)


def _row(one: Standing) -> tuple[object, ...]:
    last = f"{one.last:%Y-%m-%d %H:%M:%S}" if one.last else ""
    return one.asset, one.kind, one.state, one.partitions, last, one.quarantined or None


def _say_checks(assets: list[Standing]) -> None:
    lines = [f"  {one.asset}: {line}" for one in assets for line in one.checks]
    if lines:
        click.echo("\n".join(("\nChecks that did not pass when an asset was last made:", *lines)))


def _say_reasons(aside: list[SetAside]) -> None:
    if not aside:
        return
    click.echo("\nSet aside, most frequent first (all of it: openaq-assets status --quarantine):")
    counted = Counter((one.asset, one.reason) for one in aside)
    for (asset, reason), times in counted.most_common(_SHOWN_REASONS):
        click.echo(f"  {times} x {asset}: {reason}")


def _say_new(new: list[tuple[str, NewField]]) -> None:
    if not new:
        return
    click.echo("\nNew fields (read them with a column, or add them to the asset's 'known'):")
    headers = ("asset", "field", "first seen (UTC)", "sample", "object")
    rows = [(key, one.path, _seen(one), _cut(one.sample), one.object) for key, one in new]
    click.echo(table(headers, rows))


def _seen(field: NewField) -> str:
    return field.first_seen[:19].replace("T", " ")


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
    found = newest_records(project, asset, env, profile_name(), newest)
    shown = [one for one in found if run in ("", one.run)]
    if form == "json":
        click.echo(json.dumps([asdict(one) for one in shown], ensure_ascii=False, indent=1))
        return
    headers = ("at (UTC)", "partition", "state", "rows", "bytes", "seconds", "dollars", "why")
    rows = [
        (one.at[:19].replace("T", " "), one.partition or "all", one.state, one.facts.rows,
         one.facts.bytes, one.seconds, shown_dollars(one.dollars), one.message or one.reason)
        for one in shown
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
