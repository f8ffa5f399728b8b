"""Raw answers to Parquet: our Transform beside peers, whole processes; the sizes of the aims."""

import shutil
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from benchmarks import raw_pages
from benchmarks.harness import APART, ROOT, Command, Row, compare, python_of

BUILD = ROOT / "build" / "transform"
SENSORS = 200
FLOORS = ("floor: read", "floor: parse", "floor: write")
SLOW = ("pandas", "pyspark")


def way(name: str, raw: Path, into: str = "") -> Command:
    """Return a way as the command of a process."""
    name = name.removeprefix("floor: ")
    where = BUILD / "out" / (into or name)
    python = python_of(name) if name in APART else sys.executable
    return Command((python or "", "-m", "benchmarks.transform_work", name, str(raw), str(where)))


def rows(quick: bool = False) -> Iterator[Row]:
    """Yield a day, a month, a year; pages as large as the API gives them; ten million rows for their memory."""
    raw_pages.write_operation(BUILD)
    day = raw_pages.make_days(BUILD / "days-1", SENSORS, 1)
    for peer in filter(python_of, SLOW):
        way(peer, day).run()  # so that its modules are compiled and its files cached
    yield from beside("transform S: a day, 200 files", day, ("duckdb", "polars", *SLOW, *FLOORS), 7, once=SLOW)
    month = raw_pages.make_days(BUILD / "days-30", SENSORS, 30)
    yield from beside("transform M2/12: 30 days, 6,000 files", month, ("duckdb", "polars", *FLOORS), 3)
    if quick:
        return
    year = raw_pages.make_days(BUILD / "days-365", SENSORS, 365)
    yield from beside("transform M2: a year, 73,000 files", year, ("duckdb", *FLOORS), 3)
    pages = raw_pages.make_pages(BUILD / "pages-365", SENSORS, 365)
    peers = ("duckdb", "polars", *SLOW)
    yield from beside("transform M2, the peer on M: the same rows in 1,800 pages", year, peers, 3, SLOW, pages)
    minutes = raw_pages.make_minutes(BUILD / "minutes-12", SENSORS // 2, 12)
    yield from beside("transform minutes: 12 days, 2,400 pages, 1.7 M rows", minutes, ("duckdb", *FLOORS), 3)
    name, few = "transform M2 beside as many rows in 2,400 pages", way("ours", minutes, "ours-minutes")
    yield from compare(name, way("ours", year), {"ours, minutes": few}, 3)
    ten = raw_pages.make_minutes(BUILD / "minutes-36", SENSORS, 36)
    yield from beside("transform minutes: 36 days, 14,400 pages, 10 M rows", ten, ("duckdb",), 1)
    shutil.rmtree(BUILD / "out")


def beside(
    name: str, raw: Path, peers: Sequence[str], rounds: int, once: Collection[str] = (), theirs: Path | None = None
) -> Iterator[Row]:
    """Yield ours beside peers and floors; ``theirs`` is the input of the peers, if it is another one."""
    way("ours", raw, "written").run()  # for the floor of writing, and so that every file is cached
    if theirs:
        way("read", theirs).run()
    there = [peer for peer in peers if peer not in APART or python_of(peer)]
    for peer in set(peers) - set(there):
        print(f"  {peer} is not installed (make bench does it): left out", flush=True)
    yield from compare(name, way("ours", raw), {peer: way(peer, theirs or raw) for peer in there}, rounds, once)
