"""What people read of the lake: answers to queries, the dashboard page, the simulator as a service."""

import datetime as dt
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openaq_assets import sql as athena
from openaq_assets.environment import Environment, bind
from openaq_assets.errors import AssetsError, PlatformError, SelectionError, nearest
from openaq_assets.kinds.view import table_ref
from openaq_assets.operations import Publish, Query, Ref
from openaq_assets.platforms import Platform, Rows
from openaq_assets.project import Project
from openaq_assets.runner import open_platform


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
    from openaq_assets.dashboard.publishing import overview_of

    place, platform, operation = _page(project, profile)
    return overview_of(platform, place, operation)


def _page(project: Project, profile: str | None) -> "tuple[Environment, Platform, Publish]":
    """Where the page is made, and the bound operation that makes it."""
    from openaq_assets.dashboard.publishing import NAME, publish

    place, platform = open_platform(project, "dev", profile)
    operation = bind(publish(NAME, sorted(project.places.environments)), place)
    assert isinstance(operation, Publish)
    return place, platform, operation


def write_dashboard(
    project: Project, profile: str | None = None, out: Path | None = None
) -> tuple[str, Sequence[str]]:
    """The path or URI of the page, freshly written whole or not at all, and what it cannot show."""
    from openaq_assets.dashboard.page import render
    from openaq_assets.dashboard.publishing import overview_of
    from openaq_assets.platforms.files import FileStore

    place, platform, operation = _page(project, profile)
    found = overview_of(platform, place, operation)
    uri = operation.into.uri if out is None else str(out.absolute())
    store = platform.objects if out is None else FileStore()
    store.put(uri, render(found).encode())
    problems = [f"{env}: {one.problem}" for env, one in found.environments.items() if one.problem]
    return uri if out is None else str(out), problems


def write_pictures(
    project: Project, profile: str | None, folder: Path, env: str, language: str
) -> Sequence[Path]:
    """The PNG files of the page's charts in a folder, freshly drawn without a browser."""
    from openaq_assets.dashboard.pictures import pictures
    from openaq_assets.platforms.files import FileStore

    found = overview(project, profile)
    if env not in found.environments:
        raise SelectionError(f"there is no environment '{env}'. {nearest(env, found.environments)}")
    if problem := found.environments[env].problem:
        raise PlatformError(f"{env}: {problem}")
    written = []
    for name, body in pictures(found, env, language).items():
        written.append(folder / f"{name}.png")
        FileStore().put(str(written[-1].absolute()), body)
    return written


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
