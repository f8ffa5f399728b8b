"""OpenAQ as a plugin: it uses only hooks that every plugin has."""

from collections.abc import Sequence

from openaq_assets.errors import Problem
from openaq_assets.graph.assets import AssetGraph, Kind
from openaq_assets.graph.extensions import Command, ConfFile, OperationHandler, ProfileSettings
from openaq_assets.markers import hookimpl
from openaq_assets.openaq.dashboard.kind import Dashboard
from openaq_assets.openaq.locations import Location
from openaq_assets.openaq.operations import Fetch, Publish
from openaq_assets.openaq.raw_kind import LOCATIONS, Raw
from openaq_assets.openaq.settings import Api

_HERE = "openaq_assets.openaq"


@hookimpl
def asset_kinds() -> Sequence[Kind]:
    """Return the kinds of raw answers and of the dashboard page."""
    return [Raw(), Dashboard()]


@hookimpl
def operation_handlers() -> Sequence[OperationHandler]:
    """Return the handlers that fetch answers and publish the page, the same on each built-in platform."""
    return [
        OperationHandler(operation, platform, f"{_HERE}.{function}", f"{_HERE}.{usage}")
        for platform in ("local", "aws", "memory")
        for operation, function, usage in (
            (Fetch, "source:handle_fetch", "usage:usage_of_fetch"),
            (Publish, "dashboard.publishing:handle_publish", "usage:usage_of_publish"),
        )
    ]


@hookimpl
def profile_settings() -> Sequence[ProfileSettings]:
    """Return the settings of the API."""
    return [ProfileSettings("api", Api)]


@hookimpl
def conf_files() -> Sequence[ConfFile]:
    """Return the files of locations and of the Data Studio dashboard."""
    return [
        ConfFile("locations", Location, "locations", selector=lambda location: location.selector),
        ConfFile("owox", f"{_HERE}.owox.plan:Plan", mistakes=f"{_HERE}.owox.plan:mistakes"),
    ]


@hookimpl
def lint_rules(graph: AssetGraph) -> Sequence[Problem]:
    """Return a problem if the file of locations is missing and raw assets need it."""
    if LOCATIONS in graph.conf or not any(isinstance(asset.kind, Raw) for asset in graph):
        return []
    return [Problem(LOCATIONS, 0, 0, "", "the file does not exist.", "Create it.")]


@hookimpl
def commands() -> Sequence[Command]:
    """Return the commands that only OpenAQ needs."""
    return [
        Command(name, f"{_HERE}.commands:{name}", text)
        for name, text in (
            ("dashboard", "Write the Air Quality Overview: one HTML file that needs no network."),
            ("demo", "Run the whole way once, from the API or its simulator to the dashboard."),
            ("owox", "Prove, publish and explain the Data Studio dashboard through OWOX."),
            ("simulate", "Serve a synthetic OpenAQ API on 127.0.0.1, or write its archive."),
        )
    ]
