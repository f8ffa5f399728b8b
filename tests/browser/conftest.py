"""One headless Chromium for the session, and a way to show an overview in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from openaq_assets.dashboard.page import Overview, render

if TYPE_CHECKING:
    from chromium import Tab


@pytest.fixture(scope="session")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """Start Chromium, or skip with the reason why not."""
    pytest.importorskip("websocket", reason="websocket-client is not installed")
    import chromium

    if chromium.executable() is None:
        pytest.skip("no chromium on PATH")
    with chromium.browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture
def show(tab: Tab, tmp_path: Path) -> Iterator[Callable[..., Tab]]:
    """Open an overview from a file; afterwards nothing may have been requested or logged."""
    file = tmp_path / "overview.html"

    def opened(overview: Overview, fragment: str = "", **screen: Any) -> Tab:
        file.write_text(render(overview), encoding="utf-8")
        tab.open(file.as_uri() + fragment, **screen)
        return tab

    yield opened
    tab.run("new Promise(requestAnimationFrame)")
    assert [url for url in tab.requests if not url.startswith((file.as_uri(), "data:"))] == []
    assert tab.complaints == []
