"""The cache of the dashboard's charts and library: the same text, without the engine that makes it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.projects import REPOSITORY

SAY = "from openaq_assets.openaq.dashboard import charts; print(len(charts.compiled()), len(charts.library()))"
LOADED = "; import sys; print('vl_convert' in sys.modules)"


def _python(*arguments: str, **env: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, *arguments], env={**os.environ, **env}, cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return done.stdout.split("\n")[:-1]


def test_filled_cache_spares_the_engine(tmp_path: Path) -> None:
    """A filled cache gives the same text as a new one, and no JavaScript engine is loaded."""
    cache = str(tmp_path / "cache")
    _python("-OO", "-m", "openaq_assets.openaq.dashboard.charts", OPENAQ_CACHE=cache)
    assert len(list(Path(cache).iterdir())) == 2
    kept = _python("-c", SAY + LOADED, OPENAQ_CACHE=cache)
    anew = _python("-c", SAY + LOADED, OPENAQ_CACHE="")
    assert kept[0] == anew[0]
    assert (kept[1], anew[1]) == ("False", "True")


def test_unusable_cache_is_no_reason_to_fail() -> None:
    """With a folder that cannot be created, everything works as without a cache."""
    assert _python("-c", SAY, OPENAQ_CACHE="/dev/null/cache") == _python("-c", SAY, OPENAQ_CACHE="")
