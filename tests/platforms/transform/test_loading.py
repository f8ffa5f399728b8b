"""Short processes: a transform loads little, and loading leaves the process as it was."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from support.projects import REPOSITORY

import openaq_assets
from openaq_assets.graph.raw_keys import parse_raw_key
from openaq_assets.platforms.files import FileStore

PROBE = """
import gc, json, os, sys
from openaq_assets.platforms.transform.polars_loading import loading_polars, uncollected
before = os.environ.get("POLARS_MAX_THREADS")
with loading_polars():
    import openaq_assets.platforms.transform.days
frozen = gc.get_freeze_count()
with loading_polars():
    pass
with uncollected():
    during = gc.isenabled()
import polars
print(json.dumps({
    "threads": polars.thread_pool_size(), "same": os.environ.get("POLARS_MAX_THREADS") == before, "collects": gc.isenabled(),
    "frozen": frozen > 10_000, "once": gc.get_freeze_count() == frozen, "during": during,
    "modules": sorted(sys.modules),
}))
"""


def probe(**environment: str) -> dict[str, object]:
    """Return the settings of a new process after it imported Polars."""
    kept = {name: value for name, value in os.environ.items() if name != "POLARS_MAX_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", PROBE], env=kept | environment, cwd=REPOSITORY, capture_output=True, check=True
    )
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_a_transform_loads_no_more_than_it_needs() -> None:
    """Neither YAML nor plugins nor SQL engines are read by a process that turns a day into Parquet."""
    answer = probe()
    modules = answer["modules"]
    assert isinstance(modules, list)
    assert not {"yaml", "pluggy", "duckdb", "sqlglot", "httpx", "openaq_assets.project.project"} & set(modules)


def test_loading_leaves_the_process_as_it_was() -> None:
    """Afterwards there is one thread, the same setting, and garbage is collected, save what was loaded."""
    answer = probe()
    assert (answer["threads"], answer["same"], answer["collects"]) == (1, True, True)
    assert (answer["frozen"], answer["once"], answer["during"]) == (True, True, False)


def test_the_environment_may_ask_for_threads() -> None:
    """POLARS_MAX_THREADS counts, and is left there."""
    answer = probe(POLARS_MAX_THREADS="2")
    assert (answer["threads"], answer["same"]) == (2, True)


def test_public_names_are_imported_when_used() -> None:
    """Every public name is listed and can be imported; an unknown name raises AttributeError."""
    assert set(openaq_assets.__all__) <= set(dir(openaq_assets))
    assert openaq_assets.Ref is openaq_assets.graph.operations.Ref
    with pytest.raises(AttributeError, match="'openaq_assets' has no attribute 'Nothing'"):
        openaq_assets.Nothing  # noqa: B018 - reading it raises


@pytest.mark.parametrize("size", [0, 1, 2**17 - 1, 2**17, 2**17 + 1, 700_001])
def test_objects_of_any_size_are_read_whole(tmp_path: Path, size: int) -> None:
    """Around and far above what is read at once."""
    body = random.Random(size).randbytes(size)
    uri = str(tmp_path / "object")
    FileStore().put(uri, body)
    assert FileStore().get(uri) == body


@pytest.mark.parametrize("stamp", ["20260109T240000Z", "20260109T235960Z", "20260230T000000Z", "20260100T000000Z"])
def test_a_time_that_is_none_makes_no_key(stamp: str) -> None:
    """Hour 24 neither, which some Pythons take for the next day."""
    assert parse_raw_key(f"a__location=1__{stamp}__0123456789ab.json") is None
