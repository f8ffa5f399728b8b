"""Ours and the peers in one interleaved run, as ratios; one format for every benchmark of the project."""

import json
import multiprocessing
import os
import platform
import resource
import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

import psutil

ROOT = Path(__file__).resolve().parents[2]
APART = {
    "pandas": (".venv-bench", "pandas"),
    "pyspark": (".venv-spark35", "pyspark"),
    "dbt": (".venv-bench-dbt", "dbt_core"),
    "sqlmesh": (".venv-bench-sqlmesh", "sqlmesh"),
    "dagster": (".venv-bench-dagster", "dagster"),
}
NOTES = (
    "- *transform*: raw JSON becomes one Parquet file for each day. The time is that of whole processes, with imports.",
    "  Sizes: S is a day of 200 sensors; M is a year of them in pages of 1,000 rows, which span days; M2 is the same",
    "  year with one object for each sensor and day, as in our raw layer. *Minutes* has pages of 1,000 rows in our",
    "  layout, and about as many bytes as M. Floors: the same bytes are only read or parsed, or the tables only written.",
    "- Peers: *duckdb* and *polars* are scripts written to be fast and easy to read. *pandas* uses `json_normalize`",
    "  for each file, *pyspark* uses `spark.read.json`, as most people write them. The code is in tests/benchmarks/.",
    "- Peak memory is that of all our processes together (PSS: shared memory counts once).",
    "- *views*: a process that has already queried asks again, through the code of the dashboard. The peer queries one",
    "  big file, and only the mean of PM2.5: no quality control, no index.",
    "- *country day*: an extraction from a local copy of the API that delays every answer by this time.",
    "- *check*: `openaq-assets check`, whole processes. Warm: it ran before. Cold: everything that a tool keeps between",
    "  runs is deleted first; compiled modules stay. The views are the same for all, over four tables. *Plain* views",
    "  select rows of a table; *chained* views are in chains of ten with windows, joins and WITH. dbt and Dagster read",
    "  no SQL; `sqlmesh lint` reads it, with the rule for columns that no table has.",
)
RESULTS, PAGE = ROOT / "build" / "bench.json", ROOT / "docs" / "explanation" / "benchmarks.md"


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison: seconds of ours and of a peer (medians), their ratio, and our peak memory."""

    name: str
    ours_s: float
    peer: str
    peer_s: float
    ratio: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement: seconds, and the peak of memory in megabytes."""

    seconds: float
    peak_mb: float


def environment() -> dict[str, str]:
    """Return the environment of a process as a user starts it, in which compiled modules are kept."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(RESULTS.parent / "pycache")}


@dataclass(frozen=True, slots=True)
class Command:
    """Work that is a whole process, its start and imports included.

    Files in ``clear`` are deleted before each run; the output goes to ``log``, if there is one.
    """

    argv: tuple[str, ...]
    folder: Path = ROOT / "tests"
    environ: Mapping[str, str] = field(default_factory=dict)
    clear: tuple[Path, ...] = ()
    log: Path | None = None

    def run(self) -> Sample:
        """Return the time of one run, and the most memory its processes had together."""
        for path in self.clear:
            shutil.rmtree(path, ignore_errors=True)
        with self.log.open("wb") if self.log else nullcontext() as output:
            sample, code = self._timed(output)
        if code:
            hint = f", see {self.log}" if self.log else ""
            raise RuntimeError(f"the measured work failed: {' '.join(self.argv)}{hint}")
        return sample

    def _timed(self, output: BinaryIO | None) -> tuple[Sample, int]:
        surroundings = environment() | self.environ
        started = time.perf_counter()
        process = subprocess.Popen(
            self.argv, cwd=self.folder, env=surroundings, stdout=output, stderr=output and subprocess.STDOUT
        )
        with watched(process.pid) as peaks:
            code = process.wait()
            seconds = time.perf_counter() - started
        return Sample(seconds, max(peaks, default=0.0)), code


@contextmanager
def watched(process: int) -> Iterator[list[float]]:
    """Yield the memory of a process and its children, looked at beside the wait for its end: that is to be exact."""
    peaks: list[float] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            peaks.append(memory(process))

    thread = threading.Thread(target=watch)
    thread.start()
    yield peaks
    ended.set()
    thread.join()


def memory(process: int) -> float:
    """Return the memory of a process and its children in MB; what several share counts once."""
    total = 0
    with suppress(psutil.Error):
        top = psutil.Process(process)
        for member in (top, *top.children(recursive=True)):
            with suppress(psutil.Error):
                total += member.memory_full_info().pss
    return total / 2**20


def measured(work: Callable[[], object] | Command) -> Sample:
    """Run work in a process of its own, with its own memory and caches; return the sample.

    Work that returns a number of seconds has measured itself: it begins warm.
    """
    if isinstance(work, Command):
        return work.run()
    context = multiprocessing.get_context("fork")
    reader, writer = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(work, writer))
    child.start()
    writer.close()
    try:
        sample: Sample = reader.recv()
    except EOFError:
        raise RuntimeError("the measured work failed") from None
    finally:
        child.join()
    return sample


def _child(work: Callable[[], object], writer: object) -> None:
    started = time.perf_counter()
    measured_s = work()
    seconds = measured_s if isinstance(measured_s, float) else time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    writer.send(Sample(seconds, peak))


def compare(
    name: str,
    ours: Callable[[], object] | Command,
    peers: Mapping[str, Callable[[], object] | Command],
    rounds: int = 3,
    once: Collection[str] = (),
) -> Iterator[Row]:
    """Yield a row per peer: each round runs ours and every peer once, so that a busy moment affects all.

    Peers that take minutes run ``once``, in the first round.
    """
    samples: dict[str, list[Sample]] = {"": [], **{peer: [] for peer in peers}}
    for number in range(rounds):
        for who, work in (("", ours), *peers.items()):
            if number == 0 or who not in once:
                samples[who].append(measured(work))
    own = statistics.median(sample.seconds for sample in samples[""])
    peak = max(sample.peak_mb for sample in samples[""])
    for peer in peers:
        theirs = statistics.median(sample.seconds for sample in samples[peer])
        yield Row(name, round(own, 3), peer, round(theirs, 3), round(own / theirs, 3), round(peak, 1))


COLUMNS = ("name", "ours_s", "peer", "peer_s", "ratio", "peak_mb")


def known() -> list[dict[str, object]]:
    """Return the rows of build/bench.json; in a fresh clone those of the page."""
    if not RESULTS.exists():
        return list(rows_of(PAGE.read_text(encoding="utf-8")))
    rows: list[dict[str, object]] = json.loads(RESULTS.read_text())
    return rows


def rows_of(text: str) -> Iterator[dict[str, object]]:
    """Yield the rows of the page's table."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    for cells in lines[1:]:
        values = [cell if name in ("name", "peer") else float(cell) for name, cell in zip(COLUMNS, cells)]
        yield dict(zip(COLUMNS, values))


def forget(called: str) -> None:
    """Drop the rows of a benchmark, by how their names begin: it was measured again."""
    kept = [row for row in known() if not str(row["name"]).startswith(called)]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


def save(rows: list[Row]) -> None:
    """Add rows to build/bench.json and write the page."""
    merged = known() + [asdict(row) for row in rows]
    RESULTS.write_text(json.dumps(merged, indent=1) + "\n")
    PAGE.write_text(page(merged), encoding="utf-8")


def page(rows: list[dict[str, object]]) -> str:
    """Return the table of docs/explanation/benchmarks.md."""
    machine = f"{multiprocessing.cpu_count()} cores, {platform.system()} {platform.machine()}"
    lines = [
        "# Benchmarks",
        "",
        "`make bench` writes this page. Ours and each peer take turns in one run; every run is a process of its own,",
        "and each time is a median. The times are of one machine, so compare the ratios (below 1: ours is faster).",
        "",
        f"Machine: {machine}, CPython {platform.python_version()}; {', '.join(versions())}.",
        "",
        *NOTES,
        "",
        "| what | ours, s | peer | peer, s | ratio | our peak, MB |",
        "|---|---|---|---|---|---|",
    ]
    lines += ["| " + " | ".join(str(row[column]) for column in COLUMNS) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def versions() -> list[str]:
    """Return the versions of the measured packages, in this environment and in those of peers."""
    here = [f"{name} {version(name)}" for name in ("polars", "duckdb", "msgspec", "httpx", "openaq")]
    others = [installed for folder, name in APART.values() if (installed := _version_there(folder, name))]
    return here + others


def python_of(peer: str) -> str | None:
    """Return the Python in which a peer lives, or None where it was not installed."""
    folder, name = APART[peer]
    return str(ROOT / folder / "bin" / "python") if _version_there(folder, name) else None


def _version_there(folder: str, name: str) -> str:
    matches = sorted((ROOT / folder).glob(f"lib/python*/site-packages/{name}-*.dist-info"))
    return matches[0].name.removesuffix(".dist-info").replace("-", " ").replace("_", "-") if matches else ""


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print what is being measured and how long it took."""
    started = time.perf_counter()
    print(f"{what} ...", flush=True)
    yield
    print(f"{what}: {time.perf_counter() - started:.0f} s in all", flush=True)
