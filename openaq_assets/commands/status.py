"""``openaq-assets status``: how every asset stands, what did not fit, and which fields are new."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import click

from openaq_assets.definitions import Asset
from openaq_assets.graph import AssetGraph
from openaq_assets.ledger import Ledger, state_of
from openaq_assets.operations import Transform
from openaq_assets.partitions import key_of, summary
from openaq_assets.platforms import ObjectStore
from openaq_assets.platforms.recipe_drift import NewField, is_known, recorded
from openaq_assets.project import Project
from openaq_assets.reporting import check_lines, table
from openaq_assets.runner import open_platform
from openaq_assets.usage import env_option, load_project, profile_name, told

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
        new += [
            (asset.key, one)
            for one in _new_fields(project.graph, asset, platform.objects, quarantine)
        ]
        lines = tuple(one for one in check_lines(ledger, asset.key) if not one.endswith(" passed"))
        found.append(Standing(asset.key, asset.kind.name, state, good, last, len(mine), lines))
        aside += mine
    return Standings(found, aside, new)


def _new_fields(
    graph: AssetGraph, asset: Asset, store: ObjectStore, quarantine: str
) -> list[NewField]:
    """What was recorded of an asset and its recipe does not know by now."""
    operations = asset.kind.operations(asset, graph, (), ())
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
@told
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
