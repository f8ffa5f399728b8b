"""Raw answers to Parquet: our Transform beside DuckDB at its best and a plain Polars script, whole processes."""

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import raw_pages
from benchmarks.harness import ROOT, Command, Row, compare

BUILD = ROOT / "build" / "transform"
SENSORS, PEERS, FLOORS = 200, ("duckdb", "polars"), ("read", "parse", "write")


def way(name: str, raw: Path, into: str = "") -> Command:
    """A way as the command of a process."""
    where = BUILD / "out" / (into or name)
    return Command((sys.executable, "-m", "benchmarks.transform_work", name, str(raw), str(where)))


def rows(quick: bool = False) -> Iterator[Row]:
    """One day, a month and a year; the year also as pages of a thousand, which only peers read."""
    yield from size("transform S: a day, 200 files", 1, 5)
    yield from size("transform M2/12: 30 days, 6,000 files", 30, 3)
    if not quick:
        yield from size("transform M2: a year, 73,000 files", 365, 3)
        yield from pages("transform M2, the peer on M: the same rows in 1,800 pages", 365, 3)


def size(name: str, days: int, rounds: int) -> Iterator[Row]:
    """Ours beside peers and floors on one layout."""
    raw = raw_pages.make_days(BUILD / f"days-{days}", SENSORS, days)
    way("ours", raw, "written").run()  # for the floor of writing, and so that every file is cached
    peers = {one: way(one, raw) for one in PEERS} | {f"floor: {one}": way(one, raw) for one in FLOORS}
    yield from compare(name, way("ours", raw), peers, rounds)


def pages(name: str, days: int, rounds: int) -> Iterator[Row]:
    """Ours on days beside peers on pages that span days: our raw objects are of one day each."""
    raw = raw_pages.make_days(BUILD / f"days-{days}", SENSORS, days)
    long = raw_pages.make_pages(BUILD / f"pages-{days}", SENSORS, days)
    yield from compare(name, way("ours", raw), {one: way(one, long) for one in PEERS}, rounds)
