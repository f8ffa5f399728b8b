"""Ours and the peers in one interleaved run, as ratios; one format for every benchmark of the project."""

import json
import multiprocessing
import platform
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
RESULTS, PAGE = ROOT / "build" / "bench.json", ROOT / "docs" / "benchmarks.md"


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
    seconds: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Command:
    """Work that is a whole process, its start and imports included."""

    argv: tuple[str, ...]

    def run(self) -> Sample:
        """The time of one run, and the most memory its processes had together."""
        started = time.perf_counter()
        process = subprocess.Popen(self.argv, cwd=ROOT / "tests")
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, memory(process.pid))
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
        if process.returncode:
            raise RuntimeError(f"the measured work failed: {' '.join(self.argv)}")
        return Sample(time.perf_counter() - started, peak)


def memory(process: int) -> float:
    """The memory of a process and its children in MB; what they share counts for each: rather too much."""
    total = 0
    with suppress(psutil.Error):
        top = psutil.Process(process)
        for one in (top, *top.children(recursive=True)):
            with suppress(psutil.Error):
                total += one.memory_info().rss
    return total / 2**20


def measured(work: Callable[[], object] | Command) -> Sample:
    """One run in a process of its own, so that memory and caches are its own."""
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
    work()
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    writer.send(Sample(seconds, peak))  # type: ignore[attr-defined]


def compare(
    name: str,
    ours: Callable[[], object] | Command,
    peers: Mapping[str, Callable[[], object] | Command],
    rounds: int = 3,
) -> Iterator[Row]:
    """Ours beside each peer: one of each per round, so that a busy moment strikes all alike."""
    samples: dict[str, list[Sample]] = {"": [], **{peer: [] for peer in peers}}
    for _ in range(rounds):
        for who, work in (("", ours), *peers.items()):
            samples[who].append(measured(work))
    mine = statistics.median(one.seconds for one in samples[""])
    peak = max(one.peak_mb for one in samples[""])
    for peer in peers:
        theirs = statistics.median(one.seconds for one in samples[peer])
        yield Row(name, round(mine, 3), peer, round(theirs, 3), round(mine / theirs, 3), round(peak, 1))


def save(rows: list[Row]) -> None:
    """Add rows to build/bench.json (replacing those of the same name and peer) and write the page."""
    RESULTS.parent.mkdir(exist_ok=True)
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    fresh = {(row.name, row.peer) for row in rows}
    merged = [one for one in kept if (one["name"], one["peer"]) not in fresh]
    merged += [asdict(row) for row in rows]
    RESULTS.write_text(json.dumps(merged, indent=1) + "\n")
    PAGE.write_text(page(merged), encoding="utf-8")


def page(rows: list[dict[str, object]]) -> str:
    """The table of docs/benchmarks.md."""
    packages = ("polars", "duckdb", "msgspec", "httpx", "openaq")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    machine = f"{multiprocessing.cpu_count()} cores, {platform.system()} {platform.machine()}"
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`: ours and each peer interleaved in one run, medians, every run in a process of",
        "its own. Times are of one machine; trust the ratios (below 1: ours is faster).",
        "",
        f"Machine: {machine}, CPython {platform.python_version()}; {versions}.",
        "",
        "| what | ours, s | peer | peer, s | ratio | our peak, MB |",
        "|---|---|---|---|---|---|",
    ]
    columns = ("name", "ours_s", "peer", "peer_s", "ratio", "peak_mb")
    lines += ["| " + " | ".join(str(row[one]) for one in columns) + " |" for row in rows]
    return "\n".join(lines) + "\n"


@contextmanager
def told(what: str) -> Iterator[None]:
    """Say what is being measured and how long it took."""
    started = time.perf_counter()
    print(f"{what} ...", flush=True)
    yield
    print(f"{what}: {time.perf_counter() - started:.0f} s in all", flush=True)
