"""What people read of the lake: answers to queries, the dashboard page, the simulator as a service."""

import datetime as dt
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openaq_assets import sql as athena
from openaq_assets.environment import Environment, bind
from openaq_assets.errors import AssetsError, PlatformError, SelectionError
from openaq_assets.kinds.view import table_ref
from openaq_assets.operations import Query, Ref
from openaq_assets.platforms import Platform, Rows
from openaq_assets.platforms.api import is_synthetic
from openaq_assets.project import Project
from openaq_assets.runner import open_platform

DASHBOARD = "dashboard/air_quality_overview.html"


def ask(project: Project, sql: str, env: str, profile: str | None = None) -> Rows:
    """The answer to Athena SQL over the tables and views of an environment."""
    place, platform = open_platform(project, env, profile)
    return _ask(project, place, platform, sql)


def _ask(project: Project, place: Environment, platform: Platform, sql: str) -> Rows:
    tree = athena.parse(sql)
    if isinstance(tree, athena.SqlProblem):
        raise SelectionError(f"line {tree.line}, column {tree.column}: {tree.message} {tree.hint}")
    names = [use.name for use in athena.tables(sql)]
    query = bind(Query("query", sql, tuple(_ref(project, place, name) for name in names)), place)
    assert isinstance(query, Query)
    try:
        return platform.read(query)
    except AssetsError:
        raise
    except Exception as error:  # an engine's own words about the user's SQL
        raise PlatformError(" ".join(str(error).split())) from None


def _ref(project: Project, place: Environment, name: str) -> Ref:
    database, _, table = name.rpartition(".")
    if database and database != place.database:
        raise SelectionError(
            f"'{name}' is not in {place.database}. Choose the environment with --env."
        )
    return table_ref(project.graph, table)


def overview(project: Project, profile: str | None = None) -> Any:
    """Everything the dashboard shows, from the views of every environment."""
    from openaq_assets.dashboard.page import Overview

    served = {name: _serving(project, name, profile) for name in project.places.environments}
    place, platform = open_platform(project, "dev", profile)
    sources = {
        str(row["provider"]) for one in served.values() for row in one.latest if row.get("provider")
    }
    return Overview(
        generated_at=dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        title="Air Quality Overview",
        synthetic=is_synthetic(place, platform.objects),
        timezone="Asia/Ho_Chi_Minh",
        sources=tuple(sorted(sources)),
        default_environment="prod" if "prod" in served else next(iter(served)),
        environments=served,
    )


def _serving(project: Project, env: str, profile: str | None) -> Any:
    from openaq_assets.dashboard.page import Serving

    try:
        latest = _select(project, env, profile, "view_latest_aqi", "ORDER BY location_id")
        since = (
            "WHERE local_day >= date_add('day', -30, current_date) ORDER BY local_day, location_id"
        )
        daily = _select(project, env, profile, "view_daily_average", since)
    except PlatformError as error:
        return Serving((), (), problem=str(error))
    return Serving(tuple(map(_plain, latest.as_dicts())), tuple(map(_plain, daily.as_dicts())))


def _select(project: Project, env: str, profile: str | None, view: str, rest: str) -> Rows:
    columns = ", ".join(str(column.name) for column in project.graph.columns(view))
    return ask(project, f"SELECT {columns} FROM {view} {rest}", env, profile)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _text(value) for name, value in row.items()}


def _text(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return value.isoformat() if isinstance(value, dt.date) else value


def write_dashboard(project: Project, profile: str | None = None, out: Path | None = None) -> str:
    """The path or URI of the page, freshly written."""
    from openaq_assets.dashboard.page import render

    body = render(overview(project, profile)).encode()
    place, platform = open_platform(project, "dev", profile)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(body)
        return str(out)
    uri = f"{place.root}/{DASHBOARD}"
    platform.objects.put(uri, body)
    return uri


def serve_simulator(port: int, seed: int, faults: str, now: dt.datetime | None) -> None:
    """Serve the synthetic API until interrupted; raises SelectionError for a fault it does not know."""
    from openaq_assets.openaq.simulator import FAULTS, Simulator, World, parse_fault

    if faults == "list":
        for name, description in FAULTS.items():
            print(f"{name:18}{description}")
        return
    try:
        chosen = tuple(parse_fault(one.strip()) for one in faults.split(",") if one.strip())
    except ValueError as error:
        raise SelectionError(str(error)) from error
    server = Simulator(world=World.synthetic(seed=seed), port=port, now=now, faults=chosen)
    try:
        server.start()
    except OSError as error:
        raise SelectionError(
            f"port {port} cannot be used ({error}). Choose another --port."
        ) from error
    print(
        f"Synthetic OpenAQ API on {server.url} (any key of 64 hex digits). Ctrl-C stops it.",
        flush=True,
    )
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        print("stopped")
    finally:
        server.stop()
