"""``python -m benchmarks [NAME ...] [--quick]``: measure, print, and write build/bench.json and docs/benchmarks.md."""

import sys
from collections.abc import Callable, Iterator

from benchmarks import extraction, transform
from benchmarks.harness import Row, save, told

BENCHMARKS: dict[str, Callable[[bool], Iterator[Row]]] = {
    "extraction": extraction.rows,
    "transform": transform.rows,
}


def main(arguments: list[str]) -> None:
    """Measure the benchmarks named (all by default)."""
    quick = "--quick" in arguments
    names = [one for one in arguments if one != "--quick"] or list(BENCHMARKS)
    for name in names:
        with told(name):
            found = list(BENCHMARKS[name](quick))
        for row in found:
            print(f"  {row.name:28} ours {row.ours_s:8.2f} s   {row.peer:18} {row.peer_s:8.2f} s   ratio {row.ratio}")
        save(found)


if __name__ == "__main__":
    main(sys.argv[1:])
