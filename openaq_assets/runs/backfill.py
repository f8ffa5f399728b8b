"""Backfill history: run a selection and its inputs over a long range of days, in chunks.

The plan skips partitions that are up to date, and final answers that are stored are not requested again,
so the same command continues where an interrupted one stopped.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from openaq_assets.errors import SelectionError
from openaq_assets.graph.assets import Asset, AssetGraph
from openaq_assets.graph.partitions import chunks, summary
from openaq_assets.graph.records import Facts
from openaq_assets.platforms import Progress
from openaq_assets.runs.context import Result, Run
from openaq_assets.runs.run import run_all


def sources(graph: AssetGraph) -> tuple[str, ...]:
    """Return the names of the outside sources that fill days, sorted."""
    return tuple(sorted({entry.source for entry in graph.answers.values()} - {""}))


def source_keys(graph: AssetGraph, selected: Iterable[str], source: str) -> tuple[str, ...]:
    """Return the assets to run, in graph order: the selected ones and everything they are made from.

    Assets that only another source fills are left out. Raises SelectionError if no asset of the
    selection is made from the source.
    """
    wanted = set(selected)
    wanted |= graph.ancestors(wanted)
    has_source, dropped = False, set[str]()
    for asset in graph:
        if asset.key not in wanted:
            continue
        own_source = graph.answers[asset.key].source
        has_source = has_source or own_source == source
        if own_source not in ("", source) or _is_dropped(graph, asset, dropped):
            dropped.add(asset.key)
    if not has_source:
        filled = [asset.key for asset in graph if graph.answers[asset.key].source == source]
        made = sorted(key for key in graph.descendants(filled) if graph[key].partitions == "daily")
        hint = (
            f"Select {', '.join(made)}, or an asset that reads them."
            if made
            else "The project has no such asset."
        )
        raise SelectionError(f"no asset of the selection is made from source '{source}'. {hint}")
    return tuple(asset.key for asset in graph if asset.key in wanted - dropped)


def _is_dropped(graph: AssetGraph, asset: Asset, dropped: set[str]) -> bool:
    """Return whether an asset is daily and all its daily inputs are dropped."""
    daily = {key for key in graph.upstream[asset.key] if graph[key].partitions == "daily"}
    return asset.partitions == "daily" and bool(daily) and daily <= dropped


@dataclass(frozen=True, slots=True)
class Phases:
    """The assets that run once before all days, once per chunk of days, and once after all days."""

    before: tuple[str, ...]
    daily: tuple[str, ...]
    after: tuple[str, ...]


def phases(graph: AssetGraph, keys: Sequence[str]) -> Phases:
    """Return the assets by phase: an asset without days that reads daily assets runs after all days."""
    before, daily, after = list[str](), list[str](), list[str]()
    for key in keys:
        made_from = graph.ancestors([key])
        if made_from & set(after):
            after.append(key)
        elif graph[key].partitions == "daily":
            daily.append(key)
        else:
            (after if made_from & set(daily) else before).append(key)
    return Phases(tuple(before), tuple(daily), tuple(after))


@dataclass
class RangeProgress:
    """The progress over the whole range of days, computed from the progress of each chunk's fetch."""

    inner: Progress
    what: str
    total: int
    done: int = 0
    size: int = 0
    _shown: int = -1

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show the progress of a step and of the range; fetching takes nearly all of the time."""
        self.inner(what, done, total)
        if self.size and what.startswith("Fetch") and total:
            self._show(self.done + self.size * done // total)

    def begin(self, size: int) -> None:
        """Begin a chunk of ``size`` days."""
        self.size = size
        self._show(self.done)

    def end(self) -> None:
        """End the chunk, whether anything was fetched or not."""
        self.done, self.size = self.done + self.size, 0
        self._show(self.done)

    def _show(self, done: int) -> None:
        if done > self._shown:
            self._shown = done
            self.inner(self.what, done, self.total)


@dataclass
class BackfillResult:
    """The results of a backfill by asset; ``stopped`` is the reason if it ended early."""

    results: dict[str, list[Result]] = field(default_factory=dict)
    stopped: str = ""

    def add(self, graph: AssetGraph, results: Iterable[Result]) -> None:
        """Add the results of a part; a failed asset that reads an outside source sets ``stopped``."""
        for result in results:
            self.results.setdefault(result.asset, []).append(result)
            if result.state == "failed" and graph[result.asset].kind.pool:
                self.stopped = self.stopped or f"{result.asset}: {result.message}"

    @property
    def failed(self) -> bool:
        """Return whether any requested partition is missing or incomplete."""
        states = {result.state for results in self.results.values() for result in results}
        return bool(states & {"failed", "blocked", "partial"})

    def lines(self) -> list[str]:
        """Return one line per asset: the number of partitions by state, and what was stored."""
        return [_line(asset, results) for asset, results in self.results.items()]


def backfill(
    run: Run,
    keys: Sequence[str],
    size: int,
    progress: RangeProgress,
    on_chunk: Callable[[str], None] = lambda line: None,
) -> BackfillResult:
    """Run the assets over the days of a run's request, oldest first, ``size`` days at a time.

    ``on_chunk`` receives one line about each chunk. A sensor or file that cannot be read does not stop
    the backfill; the failure of an asset that reads an outside source does.
    """
    graph = run.project.graph
    parts, outcome = phases(graph, keys), BackfillResult()
    outcome.add(graph, run_all(run, parts.before))
    for chunk in chunks(run.request.days, size) if parts.daily else ():
        if outcome.stopped:
            return outcome
        progress.begin(len(chunk))
        results = run_all(replace(run, request=replace(run.request, days=chunk)), parts.daily)
        outcome.add(graph, results)
        progress.end()
        on_chunk(_chunk_line(chunk, results))
    if not outcome.stopped:
        # A new run object, because the plan state of this one was read before the chunks ran.
        outcome.add(graph, run_all(replace(run), parts.after))
    return outcome


def _chunk_line(days: tuple[str, ...], results: Sequence[Result]) -> str:
    parts = [f"{result.asset} {_counted([result])}" for result in results]
    failures = [
        f"{result.asset}: {result.message}" for result in results if result.state in ("failed", "partial")
    ]
    return "; ".join([f"{summary(days)}  {', '.join(parts)}", *failures])


def _line(asset: str, results: Sequence[Result]) -> str:
    facts = sum((result.facts for result in results), Facts())
    more = [f"{facts.rows:,} rows"] if facts.rows else []
    more += [f"{facts.bytes:,} bytes"] if facts.bytes else []
    more += [f"{facts.quarantined:,} quarantined"] if facts.quarantined else []
    return "  ".join((f"{asset:24}", _counted(results), ", ".join(more))).rstrip()


def _counted(results: Sequence[Result]) -> str:
    """Return the number of partitions by state, like ``29 made, 2 partial``."""
    states = [record.state for result in results for record in result.records]
    words = {"ok": "made", "partial": "partial", "failed": "failed"}
    parts = [f"{states.count(state)} {word}" for state, word in words.items() if state in states]
    parts += ["not run"] if any(result.state == "blocked" for result in results) else []
    return ", ".join(parts) or "up to date"
