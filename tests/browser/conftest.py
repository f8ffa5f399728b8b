"""A headless Chromium for the session, and a function that shows an overview in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from openaq_assets.openaq.dashboard.page import render
from openaq_assets.openaq.dashboard.payload import Overview

if TYPE_CHECKING:
    from support.chromium import Tab

AXE = Path(__file__).resolve().parents[2] / ".venv/share/axe-core-4.14.1/axe.min.js"


@pytest.fixture(scope="session")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """Start Chromium, or skip with the reason."""
    pytest.importorskip("websocket", reason="websocket-client is not installed")
    from support import chromium

    if chromium.executable() is None:
        pytest.skip("no chromium on PATH")
    with chromium.browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the text of axe-core, or skip with the reason."""
    if not AXE.is_file():
        pytest.skip("axe-core is not here: run infra/install_npm.sh")
    return AXE.read_text(encoding="utf-8")


@pytest.fixture
def show_file(tab: Tab) -> Iterator[Callable[..., Tab]]:
    """Open a page of a file until its charts are drawn; afterwards nothing may have been requested or logged."""
    opened: list[str] = []

    def show(file: Path, fragment: str = "", **screen: Any) -> Tab:
        opened.append(file.as_uri())
        tab.open(file.as_uri() + fragment, **screen)
        tab.wait("performance.getEntriesByName('drawn').length > 0")
        return tab

    yield show
    tab.run("new Promise(requestAnimationFrame)")
    allowed = (*opened, "data:", "blob:null/")
    assert [url for url in tab.requests if not url.startswith(allowed)] == []
    assert tab.complaints == []


@pytest.fixture
def show(show_file: Callable[..., Tab], tmp_path: Path) -> Callable[..., Tab]:
    """Open the page of an overview, from a file."""

    def opened(overview: Overview, fragment: str = "", **screen: Any) -> Tab:
        file = tmp_path / "overview.html"
        file.write_text(render(overview), encoding="utf-8")
        return show_file(file, fragment, **screen)

    return opened
