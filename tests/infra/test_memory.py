"""The parts of `make memory`: limits that bind, correct sizes, and a day of a given number of sensors."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import pytest

from infra.memory.compose import bytes_of
from infra.memory.limits import Group, NoLimits
from infra.memory.sampling import Sampler
from infra.memory.sizes import below, pss, title
from infra.memory.world import world_of
from openaq_simulator import Simulator

MB = 1_000_000
HOLD = "import sys; held = bytearray(int(sys.argv[1])); held[::4096] = b'x' * len(held[::4096]); print('held', flush=True); input()"


@pytest.fixture
def group() -> Iterator[Group]:
    """Yield a group of 60 MB, if this machine allows one."""
    try:
        made = Group.make(f"openaq-test-{os.getpid()}", 60 * MB)
    except NoLimits as error:
        pytest.skip(str(error))
    yield made
    made.remove()


def _holding(size: int, group: Group | None = None) -> subprocess.Popen[str]:
    """Return a process that holds that many bytes until its input ends."""
    return subprocess.Popen(
        [sys.executable, "-S", "-c", HOLD, str(size)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        preexec_fn=group.add if group else None,  # noqa: PLW1509 - only writes its own id to a file
    )


def _end(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=30)


def test_limit_binds_and_kills_are_counted(group: Group) -> None:
    """A process that fits is measured; one that does not is killed by the kernel, and the kill is counted."""
    small = _holding(20 * MB, group)
    assert small.stdout and small.stdout.readline() == "held\n"
    assert group.anonymous() >= 20 * MB and group.held() >= 20 * MB
    assert group.processes() == [small.pid] and group.kills() == 0
    _end(small)
    large = _holding(200 * MB, group)
    large.communicate(timeout=60)
    assert large.returncode == -9 and group.kills() == 1


def test_inner_group_has_a_limit_of_its_own(group: Group) -> None:
    """A service is killed at its own limit while the machine has room; the outer group counts it."""
    inner = group.child("service", 15 * MB)
    process = _holding(40 * MB, inner)
    process.communicate(timeout=60)
    assert process.returncode == -9
    assert group.kills() == 1


def test_groups_are_removed(group: Group) -> None:
    """Nothing is left behind, inner groups included."""
    group.child("service", 0)
    group.remove()
    assert not group.path.exists()


def test_share_of_a_process() -> None:
    """The size of a process is the memory that it holds; a process that ended has none."""
    process = _holding(30 * MB)
    assert process.stdout and process.stdout.readline() == "held\n"
    assert pss(process.pid)[0] >= 30 * MB
    assert process.pid in below([os.getpid()])
    assert "held = bytearray" in title(process.pid)
    _end(process)
    assert pss(process.pid) == (0, 0) and title(process.pid) == ""


def test_sampler_keeps_the_highest() -> None:
    """The peak of a process that has ended is kept."""
    process = _holding(30 * MB)
    assert process.stdout and process.stdout.readline() == "held\n"
    with Sampler(None, lambda: {"service": [process.pid]}) as sampler:
        while sampler.peaks.shares < 30 * MB:
            assert process.poll() is None
    _end(process)
    seen = sampler.fresh()
    assert seen.services["service"] >= 30 * MB and seen.processes[0][0] == "service"
    assert sampler.fresh().shares == 0


def test_world_has_the_sensors_asked_for() -> None:
    """A world of 200 sensors has exactly those in the inventory, and all of them answer."""
    now = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
    with Simulator(world=world_of(200), now=now, per_minute=None) as api:

        def ask(path: str) -> list[dict[str, object]]:
            request = urllib.request.Request(api.url + path, headers={"X-API-Key": "0" * 64})
            with urllib.request.urlopen(request) as answer:
                return list(json.load(answer)["results"])

        places = ask("/locations?iso=VN&limit=1000")
        sensors = [item["id"] for location in places for item in location["sensors"]]
        assert len(sensors) == len(set(sensors)) == 200
        window = "datetime_from=2026-11-18T00:00:00Z&datetime_to=2026-11-19T00:00:00Z"
        for sensor in (sensors[0], sensors[-1]):
            assert ask(f"/sensors/{sensor}/hours?{window}&limit=1000")


@pytest.mark.parametrize(("text", "size"), [("450m", 450 * 2**20), ("1g", 2**30), ("64", 64), ("2K", 2048)])
def test_sizes_are_those_of_compose(text: str, size: int) -> None:
    """A size is read in powers of 1024, as compose reads it."""
    assert bytes_of(text) == size
    with pytest.raises(ValueError, match="not a size"):
        bytes_of("much")
