"""The platforms that must all behave alike; ``aws`` joins by one more entry."""

from collections.abc import Callable
from pathlib import Path

import pytest
from runner_fixtures import Lake, memory_root, place

from openaq_assets.platforms import platforms

ROOTS: dict[str, Callable[[Path], str]] = {
    "memory": lambda folder: memory_root(),
    "local": lambda folder: str(folder / "lake [of] 'Việt' *"),
}


@pytest.fixture(params=sorted(ROOTS))
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    """An empty lake on each platform, below a root with the characters that break quoting."""
    home = place(request.param, ROOTS[request.param](tmp_path))
    kind = next(one for one in platforms() if one.name == request.param)
    return Lake(kind.open(home), home)
