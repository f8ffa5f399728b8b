"""Time ``openaq-assets check`` as a whole process: this project, and 1,000 views beside the peers that check as many.

Each runs warm (it ran before) and cold (whatever it keeps between runs is deleted first; only compiled modules
stay). Of the peers only SQLMesh reads the SQL: its lint looks for columns that no table has, as ours does.
"""

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import view_graph
from benchmarks.harness import ROOT, Command, Row, compare, python_of
from benchmarks.view_graph import View

BUILD = ROOT / "build" / "check"
QUIET = {
    "HOME": str(BUILD / "home"),
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "true",
}
"""No peer reports to its maker, and none reads or writes what a user keeps at home."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The command of a peer, and what it keeps between runs."""

    arguments: tuple[str, ...]
    kept: tuple[str, ...]


PEERS = {
    "dbt parse": Peer(("dbt", "parse", "--no-version-check"), ("target", "logs")),
    "sqlmesh lint": Peer(("sqlmesh", "lint"), (".cache", "logs")),
    "dagster definitions validate": Peer(
        ("dagster", "definitions", "validate", "-f", "definitions.py"), ("home/history", "home/schedules")
    ),
}


def ours(project: Path, cache: Path) -> Command:
    """Return our check of a project, with a folder for its cache."""
    command = Path(sys.executable).with_name("openaq-assets")
    environ = {"OPENAQ_CACHE": str(cache), "OPENAQ_PROJECT": str(project)}
    return Command((str(command), "check"), project, environ, log=BUILD / "ours.log")


def peers(graph: str, views: Sequence[View]) -> Mapping[str, tuple[Command, tuple[Path, ...]]]:
    """Return the command of each peer over its own project of these views, and the folders it keeps."""
    commands = {}
    for label, peer in PEERS.items():
        name = peer.arguments[0]
        python = python_of(name)
        if not python:
            print(f"  {label} is not installed (make bench does it): left out", flush=True)
            continue
        folder = project(f"{name}-{graph}", getattr(view_graph, name)(views))
        argv = (str(Path(python).with_name(name)), *peer.arguments[1:])
        environ = QUIET | {"DAGSTER_HOME": str(folder / "home")}
        command = Command(argv, folder, environ, log=BUILD / f"{name}.log")
        commands[label] = command, tuple(folder / kept for kept in peer.kept)
    return commands


def project(name: str, files: Iterator[tuple[str, str]]) -> Path:
    """Write a project anew and return its folder."""
    folder = BUILD / name
    shutil.rmtree(folder, ignore_errors=True)
    view_graph.write(folder, files)
    return folder


def rows(quick: bool = False) -> Iterator[Row]:
    """Yield this project beside a Python that does nothing, then many views beside the peers."""
    count, rounds = (100, 1) if quick else (1000, 3)
    shutil.rmtree(BUILD, ignore_errors=True)
    (BUILD / "home").mkdir(parents=True)
    own, cache = ours(ROOT, BUILD / "cache-own"), BUILD / "cache-own"
    nothing = Command((sys.executable, "-c", "pass"))
    yield from both("check, this project", own, cache, {"python -c pass": (nothing, ())}, 5 * rounds)
    for graph, views in {"plain": view_graph.plain_views(count), "chained": view_graph.chained_views(count)}.items():
        chosen, cache = tuple(views), BUILD / f"cache-{graph}"
        many = ours(project(f"ours-{graph}", view_graph.ours(chosen)), cache)
        yield from both(f"check, {count:,} {graph} views", many, cache, peers(graph, chosen), rounds)


def both(
    name: str, command: Command, cache: Path, beside: Mapping[str, tuple[Command, tuple[Path, ...]]], rounds: int
) -> Iterator[Row]:
    """Yield our check beside others, warm and then cold."""
    for each in (command, *(other for other, _ in beside.values())):
        each.run()
    warm = {label: other for label, (other, _) in beside.items()}
    yield from compare(f"{name}, warm", command, warm, rounds)
    cold = {label: replace(other, clear=kept) for label, (other, kept) in beside.items()}
    yield from compare(f"{name}, cold", replace(command, clear=(cache,)), cold, rounds)
