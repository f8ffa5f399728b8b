"""Write the dashboard page, and pictures of its charts."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from openaq_assets.errors import PlatformError, SelectionError, nearest
from openaq_assets.graph.environment import bind
from openaq_assets.openaq.dashboard.kind import publish
from openaq_assets.openaq.dashboard.page import render
from openaq_assets.openaq.dashboard.payload import Overview
from openaq_assets.openaq.dashboard.pictures import pictures
from openaq_assets.openaq.dashboard.publishing import NAME, overview_of, page_uri
from openaq_assets.openaq.operations import Publish
from openaq_assets.platforms import ObjectStore
from openaq_assets.platforms.files import FileStore
from openaq_assets.project.project import Project
from openaq_assets.runs.context import open_platform


def _overview(project: Project, profile: str | None) -> tuple[Overview, str, ObjectStore]:
    """Return everything the dashboard shows from the views of every environment, and its URI."""
    home, platform = open_platform(project, "dev", profile)
    operation = cast(Publish, bind(publish(NAME, sorted(project.environments)), home))
    return overview_of(platform, home, operation), page_uri(operation), platform.objects


def write_dashboard(
    project: Project, profile: str | None = None, out: Path | None = None
) -> tuple[str, Sequence[str]]:
    """Write the page whole or not at all; return its path or URI, and the problems of environments."""
    overview, uri, store = _overview(project, profile)
    if out is None:
        store.put(uri, render(overview).encode())
    else:
        FileStore().put(str(out.absolute()), render(overview).encode())
    problems = [f"{name}: {env.problem}" for name, env in overview.environments.items() if env.problem]
    return str(out or uri), problems


def write_pictures(
    project: Project, profile: str | None, folder: Path, env: str, language: str
) -> Sequence[Path]:
    """Draw the page's charts without a browser into a folder; return the PNG files."""
    overview, _, _ = _overview(project, profile)
    if env not in overview.environments:
        raise SelectionError(f"there is no environment '{env}'. {nearest(env, overview.environments)}")
    if problem := overview.environments[env].problem:
        raise PlatformError(f"{env}: {problem}")
    files = {folder / f"{name}.png": body for name, body in pictures(overview, env, language).items()}
    for path, body in files.items():
        FileStore().put(str(path.absolute()), body)
    return list(files)
