"""``openaq-assets status``: how every asset stands, and what was set aside because it did not fit."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import click

from openaq_assets.ledger import Ledger
from openaq_assets.partitions import key_of, summary
from openaq_assets.project import Project
from openaq_assets.reporting import table
from openaq_assets.runner import open_platform
from openaq_assets.usage import env_option, load_project, profile_name, told

_SHOWN_REASONS = 5


@dataclass(frozen=True, slots=True)
class Standing:
    """An asset as the ledger knows it; ``quarantined`` counts rows and objects set aside."""

    asset: str
    kind: str
    state: str
    partitions: str
    last: dt.datetime | None
    quarantined: int


@dataclass(frozen=True, slots=True)
class SetAside:
    """Something that did not fit: where it is and why."""

    asset: str
    day: str
    object: str
    position: int | None
    reason: str


def standings(
    project: Project, env: str = "dev", profile: str | None = None
) -> tuple[list[Standing], list[SetAside]]:
    """How every asset stands in an environment, and everything that is set aside."""
    place, platform = open_platform(project, env, profile)
    ledger = Ledger(platform.objects, place)
    found, aside = [], []
    for asset in project.graph:
        entries = ledger.entries(asset.key)
        bad = [partition for partition, one in entries.items() if one.failed_since]
        states = {one.state for one in entries.values()} | ({"failed"} if bad else set())
        state = next((one for one in ("failed", "partial", "ok") if one in states), "never made")
        good = summary(partition for partition, one in entries.items() if one.state != "failed")
        last = max((one.at for one in entries.values()), default=None)
        mine = []
        for uri in platform.objects.list(place.uri("quarantine", asset.key)):
            mine += list(_lines(asset.key, key_of(uri) or "", platform.objects.get(uri)))
        found.append(Standing(asset.key, asset.kind.name, state, good, last, len(mine)))
        aside += mine
    return found, aside


def _lines(asset: str, day: str, body: bytes) -> Iterator[SetAside]:
    for line in body.splitlines():
        one = json.loads(line)
        yield SetAside(asset, day, one["object"], one.get("position"), one["reason"])


@click.command()
@click.option("--quarantine", is_flag=True, help="Every row and object set aside, with its reason.")
@env_option
@told
def status(quarantine: bool, env: str) -> None:
    """Say how every asset stands: made or failed, for which days, when, and what did not fit.

    \b
    Examples: openaq-assets status
              openaq-assets status --quarantine
    """
    found, aside = standings(load_project(strict=False), env, profile_name())
    if quarantine:
        rows = [(one.asset, one.day, one.object, one.position, one.reason) for one in aside]
        click.echo(table(("asset", "day", "object", "position", "reason"), rows))
        return
    headers = ("asset", "kind", "state", "partitions", "last (UTC)", "set aside")
    click.echo(table(headers, [_row(one) for one in found]))
    _say_reasons(aside)


def _row(one: Standing) -> tuple[object, ...]:
    last = f"{one.last:%Y-%m-%d %H:%M:%S}" if one.last else ""
    return one.asset, one.kind, one.state, one.partitions, last, one.quarantined or None


def _say_reasons(aside: list[SetAside]) -> None:
    if not aside:
        return
    click.echo("\nSet aside, most frequent first (all of it: openaq-assets status --quarantine):")
    counted = Counter((one.asset, one.reason) for one in aside)
    for (asset, reason), times in counted.most_common(_SHOWN_REASONS):
        click.echo(f"  {times} x {asset}: {reason}")
