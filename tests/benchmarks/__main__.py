"""``python -m benchmarks [extraction|transform|views|check ...] [--quick]``: measure and print.

Writes build/bench.json and docs/explanation/benchmarks.md as well, unless it is to be ``--quick``: fewer sizes and rounds,
to see where one is.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks import check, extraction, transform, views
from benchmarks.harness import Row, forget, save, timed


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark: the beginning of the names of its rows, and the function that measures them."""

    called: str
    rows: Callable[[bool], Iterator[Row]]


BENCHMARKS = {
    "extraction": Benchmark("country day", extraction.rows),
    "transform": Benchmark("transform", transform.rows),
    "views": Benchmark("view_", views.rows),
    "check": Benchmark("check", check.rows),
}


def main(arguments: list[str]) -> None:
    """Measure the benchmarks named (all by default)."""
    quick = "--quick" in arguments
    names = [argument for argument in arguments if argument != "--quick"] or list(BENCHMARKS)
    if unknown := set(names) - set(BENCHMARKS):
        raise SystemExit(f"there is no benchmark {', '.join(unknown)}. Choose of: {', '.join(BENCHMARKS)}.")
    for name in names:
        with timed(name):
            rows = [shown(row) for row in BENCHMARKS[name].rows(quick)]
        if not quick:
            forget(BENCHMARKS[name].called)
            save(rows)


def shown(row: Row) -> Row:
    """Print a row as soon as it is measured, and return it."""
    peer = f"{row.peer:28} {row.peer_s:8.2f} s   ratio {row.ratio:.3f}"
    print(f"  {row.name:60} ours {row.ours_s:8.2f} s {row.peak_mb:5.0f} MB   {peer}", flush=True)
    return row


if __name__ == "__main__":
    main(sys.argv[1:])
