"""Extractions that are killed, and two at once: nothing is lost, doubled or seen half."""

import datetime as dt
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.fault_fixtures import BUSY, NOW, TODAY, busy_world, small_world
from support.runner_fixtures import eventually

from openaq_assets.graph.raw_keys import RawKey, parse_raw_key, raw_key
from openaq_assets.openaq.fetch import version_of
from openaq_assets.platforms.files import FileStore
from openaq_simulator import Simulator

SCRIPT = Path(__file__).parents[1] / "support" / "fetch_process.py"
DAYS = tuple((TODAY - dt.timedelta(days=back)).isoformat() for back in range(6, 0, -1))


def command(simulator: Simulator, root: Path, days: tuple[str, ...], *more: str) -> list[str]:
    """Return the command of an extraction; by default at the simulator's time."""
    endpoint = "measurements" if "--at" in more or "--pages" in more else "hours"
    rest = [option for option in more if option != "--pages"]
    return [sys.executable, str(SCRIPT), simulator.url, str(root), endpoint, ",".join(days), *rest]


def finish(simulator: Simulator, root: Path, days: tuple[str, ...], *more: str) -> str:
    """Run an extraction to its end; return its output."""
    done = subprocess.run(
        command(simulator, root, days, *more), check=False, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(root: Path) -> Mapping[str, bytes]:
    """Return every visible object, after checking that each is complete and equal to its name's digest."""
    bodies = {Path(uri).name: Path(uri).read_bytes() for uri in FileStore().list(str(root))}
    for name, body in bodies.items():
        key = parse_raw_key(name)
        assert key and key.digest == raw_key("x", {}, NOW, body).digest, name
        assert isinstance(json.loads(body)["results"], list)
    return bodies


def keys(root: Path) -> Iterator[RawKey]:
    """Return the names of the stored data."""
    for name in objects(root):
        key = parse_raw_key(name)
        if key and key.asset == "answers_raw":
            yield key


def final(root: Path) -> set[tuple[str, str]]:
    """Return the sensors and days whose final answer is stored completely."""
    collected = set()
    for uri in FileStore().list(str(root)):
        key, day = parse_raw_key(uri), re.search(r"year=(\d+)/month=(\d+)/day=(\d+)", uri)
        if key and day and key.values.get("page") == "0001" and "sensor" in key.values:
            collected.add((key.values["sensor"], "-".join(day.groups())))
    return collected


def requested(simulator: Simulator, since: int) -> set[tuple[str, str]]:
    """Return the sensors and days that were requested since a position in the log."""
    matches = (
        re.search(r"/sensors/(\d+)/.*datetime_from=([\d-]+)", f"{request.path}?{request.query}")
        for request in simulator.log[since:]
    )
    return {(match[1], match[2]) for match in matches if match}


def test_kills_at_random_moments_lose_and_double_nothing(tmp_path: Path) -> None:
    """After five kills and a full run, every object equals that of an undisturbed extraction.

    No final answer that was stored is requested again.
    """
    now = ("--now", NOW.isoformat())
    with Simulator(small_world(), now=NOW, per_minute=None) as simulator:
        finish(simulator, tmp_path / "calm", DAYS, *now)
        chance = random.Random(20260110)
        simulator.faults = ["slow:seconds=0.03"]
        for _ in range(5):
            since, stored = len(simulator.log), final(tmp_path / "killed")
            upto = since + chance.randint(1, 7)
            with subprocess.Popen(command(simulator, tmp_path / "killed", DAYS, *now)) as running:
                eventually(lambda: len(simulator.log) >= upto or running.poll() is not None)  # noqa: B023 - called before the next round
                running.kill()
            objects(tmp_path / "killed")
            assert not stored & requested(simulator, since)
        assert 0 < len(final(tmp_path / "killed")) < len(DAYS) * 3 + 1
        finish(simulator, tmp_path / "killed", DAYS, *now)
        since = len(simulator.log)
        finish(simulator, tmp_path / "killed", DAYS, *now)
        assert not requested(simulator, since)
    assert objects(tmp_path / "killed") == objects(tmp_path / "calm")


@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after the write"])
def test_a_kill_between_pages_leaves_no_first_page_alone(tmp_path: Path, after: bool) -> None:
    """The first page is stored last: if it is there the day is complete, otherwise it is requested again."""
    now = ("--now", NOW.isoformat())
    with Simulator(busy_world(), now=NOW, per_minute=None) as simulator:
        finish(simulator, tmp_path / "calm", DAYS[-2:], *now, "--pages")
        for at in range(1, 4):
            more = (*now, "--at", str(at), *(["--after"] if after else []))
            root = tmp_path / str(at)
            killed = subprocess.run(command(simulator, root, DAYS[-2:], *more), check=False, timeout=30)
            assert killed.returncode == -9
            pages = {key.values["page"] for key in keys(root) if key.values["sensor"] == str(BUSY)}
            assert pages != {"0001"}
            since, stored = len(simulator.log), final(root)
            finish(simulator, root, DAYS[-2:], *now, "--pages")
            assert not stored & requested(simulator, since)
            assert objects(root) == objects(tmp_path / "calm")


@pytest.mark.parametrize("how", ["processes", "threads"])
def test_two_extractions_at_once_end_with_one_day(tmp_path: Path, how: str) -> None:
    """Two extractions at once store the same rows as one, with the same version.

    An answer may be there twice, a second apart, which changes neither rows nor version.
    """
    with Simulator(small_world(), now=NOW, per_minute=None) as simulator:
        alone = finish(simulator, tmp_path / "alone", DAYS)
        simulator.faults = ["slow:seconds=0.02"]
        both = [command(simulator, tmp_path / "both", DAYS) for _ in range(2)]
        if how == "processes":
            running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in both]
            outputs = [process.communicate(timeout=30)[0] for process in running]
        else:
            outputs = in_threads(simulator, tmp_path / "both")
    assert outputs == [alone, alone]
    contents = [
        {(key.request, key.digest) for key in keys(tmp_path / folder)} for folder in ("alone", "both")
    ]
    assert contents[0] == contents[1]
    for day in (tmp_path / "alone").rglob("day=*"):
        other = tmp_path / "both" / day.relative_to(tmp_path / "alone")
        assert version_of(keys(day)) == version_of(keys(other))


def in_threads(simulator: Simulator, root: Path) -> list[str]:
    """Run two extractions in threads of this process; return their outputs."""
    from openaq_assets.graph.operations import Ref
    from openaq_assets.openaq.fetch import fetch
    from openaq_assets.openaq.operations import Fetch
    from openaq_assets.openaq.settings import Api

    api = Api(simulator.url, "0" * 64, requests_per_minute=0, requests_per_hour=0)
    at = str(root)

    def extract(_: int) -> str:
        places = Ref("places_raw", "raw", DAYS[-1:], uri=at)
        fetch(Fetch("locations", ("country=VN",), places), FileStore(), api)
        into, inventory = Ref("answers_raw", "raw", DAYS, uri=at), Ref("places_raw", "raw", uri=at)
        facts = fetch(Fetch("hours", ("country=VN",), into, inventory), FileStore(), api)
        return " ".join(facts_of_day.version for facts_of_day in facts.values()) + "\n"

    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(extract, range(2)))
