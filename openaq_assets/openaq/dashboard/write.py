"""Writes what people look at: the dashboard page, and pictures of its charts."""

from collections.abc import Sequence
from pathlib import Path

from openaq_assets.errors import PlatformError, SelectionError, nearest
from openaq_assets.graph.environment import Environment, bind
from openaq_assets.openaq.dashboard.model import Overview
from openaq_assets.openaq.dashboard.page import render
from openaq_assets.openaq.dashboard.publishing import NAME, overview_of, page_uri
from openaq_assets.openaq.dashboard.questions import publish
from openaq_assets.openaq.operations import Publish
from openaq_assets.platforms import Platform
from openaq_assets.platforms.local.files import FileStore
from openaq_assets.project.project import Project
from openaq_assets.runs.context import open_platform


def overview(project: Project, profile: str | None = None) -> Overview:
    """Everything the dashboard shows, from the views of every environment."""
    place, platform, operation = _page(project, profile)
    return overview_of(platform, place, operation)


def _page(project: Project, profile: str | None) -> tuple[Environment, Platform, Publish]:
    """Where the page is made, and the bound operation that makes it."""
    place, platform = open_platform(project, "dev", profile)
    operation = bind(publish(NAME, sorted(project.places.environments)), place)
    assert isinstance(operation, Publish)
    return place, platform, operation


def write_dashboard(
    project: Project, profile: str | None = None, out: Path | None = None
) -> tuple[str, Sequence[str]]:
    """The path or URI of the page, freshly written whole or not at all, and what it cannot show."""
    place, platform, operation = _page(project, profile)
    found = overview_of(platform, place, operation)
    uri = page_uri(operation) if out is None else str(out.absolute())
    store = platform.objects if out is None else FileStore()
    store.put(uri, render(found).encode())
    problems = [f"{env}: {one.problem}" for env, one in found.environments.items() if one.problem]
    return uri if out is None else str(out), problems


def write_pictures(
    project: Project, profile: str | None, folder: Path, env: str, language: str
) -> Sequence[Path]:
    """The PNG files of the page's charts in a folder, freshly drawn without a browser."""
    from openaq_assets.openaq.dashboard.pictures import pictures

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
