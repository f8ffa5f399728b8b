"""``openaq-assets backfill``: its options, apart from the other commands because there are many."""

import datetime as dt
import sys
from typing import Any

import click

from openaq_assets.usage import (
    Day,
    env_option,
    load_project,
    max_cost_option,
    profile_name,
    told,
)

_DAY, _SOME_DAYS = Day(), click.IntRange(1, 3660)


@click.command()
@click.argument("selection", nargs=-1, required=True)
@click.option("--from", "first", type=_DAY, required=True, help="First day (UTC).")
@click.option("--to", "last", type=_DAY, help="Last day (UTC; default: today).")
@click.option(
    "--source",
    type=click.Choice(["api", "archive"]),
    default="api",
    show_default=True,
    help="The API, or the files of OpenAQ's open-data bucket (no rate limit).",
)
@click.option("--locations", multiple=True, help="Only these entries of conf/locations.yaml.")
@click.option("--chunk", type=_SOME_DAYS, default=31, show_default=True, help="Days at a time.")
@click.option("--force", is_flag=True, help="Make again what is up to date, final answers too.")
@max_cost_option
@env_option
@told
def backfill(first: dt.date, last: dt.date | None, **options: Any) -> None:
    """Fetch history: a selection and everything it is made from, oldest days first.

    Stopped or killed, the same command goes on where it was.

    \b
    Examples: openaq-assets backfill measurements --from 2026-01-01 --to 2026-03-31
              openaq-assets backfill view_daily_average --from 2023-01-01 --source archive
              openaq-assets backfill archive_measurements --from 2025-01-01 --source archive
    """
    from openaq_assets.backfill import run_backfill

    if not run_backfill(load_project(), profile_name(), first=first, last=last, **options):
        sys.exit(3)
