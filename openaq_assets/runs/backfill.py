"""History: a selection and all it is made from, over a long range, a chunk of days at a time.

What is up to date is skipped by the plan, and within a chunk final answers that are stored are not
asked for again, so the same command goes on where a killed one stopped.
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
    """Return what fills days from outside the lake, in order of the names."""
    return tuple(sorted({entry.source for entry in graph.answers.values()} - {""}))


def source_keys(graph: AssetGraph, selected: Iterable[str], source: str) -> tuple[str, ...]:
    """The assets to run, in graph order: those selected and what they are made from, without the
    days that only the other source fills.

    Raises SelectionError if nothing of the selection is made from the source.
    """
    wanted = set(selected)
    wanted |= graph.ancestors(wanted)
    fed, dropped = False, set[str]()
    for asset in graph:
        if asset.key not in wanted:
            continue
        of = graph.answers[asset.key].source
        fed = fed or of == source
        if of not in ("", source) or _is_left_out(graph, asset, dropped):
            dropped.add(asset.key)
    if not fed:
        there = [asset.key for asset in graph if graph.answers[asset.key].source == source]
        made = sorted(key for key in graph.descendants(there) if graph[key].partitions == "daily")
        hint = f"Select {', '.join(made)}, or what reads them." if made else "No asset is."
        raise SelectionError(f"nothing of the selection is made from the {source}. {hint}")
    return tuple(asset.key for asset in graph if asset.key in wanted - dropped)


def _is_left_out(graph: AssetGraph, asset: Asset, dropped: set[str]) -> bool:
    """Whether an asset has days, and every daily asset that it is made from is dropped."""
    daily = {key for key in graph.upstream[asset.key] if graph[key].partitions == "daily"}
    return asset.partitions == "daily" and bool(daily) and daily <= dropped


@dataclass(frozen=True, slots=True)
class Phases:
    """What runs once before the days, for each chunk of days, and once after them."""

    before: tuple[str, ...]
    daily: tuple[str, ...]
    after: tuple[str, ...]


def phases(graph: AssetGraph, keys: Sequence[str]) -> Phases:
    """The assets by when they run: what is made from days of others waits for all of them."""
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
class Whole:
    """Progress over the whole range, from the progress of each chunk's fetch."""

    inner: Progress
    what: str
    total: int
    done: int = 0
    size: int = 0
    _shown: int = -1

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show a step, and how far the range is: fetching takes nearly all of the time."""
        self.inner(what, done, total)
        if self.size and what.startswith("Fetch") and total:
            self._show(self.done + self.size * done // total)

    def begin(self, size: int) -> None:
        """A chunk of so many days begins."""
        self.size = size
        self._show(self.done)

    def end(self) -> None:
        """The chunk is done, whether anything was fetched or not."""
        self.done, self.size = self.done + self.size, 0
        self._show(self.done)

    def _show(self, done: int) -> None:
        if done > self._shown:
            self._shown = done
            self.inner(self.what, done, self.total)


@dataclass
class Outcome:
    """What became of a backfill, asset by asset; ``stopped`` says why it did not go on."""

    results: dict[str, list[Result]] = field(default_factory=dict)
    stopped: str = ""

    def add(self, graph: AssetGraph, results: Iterable[Result]) -> None:
        """Count the results of a part; a source that cannot be asked at all ends the backfill."""
        for one in results:
            self.results.setdefault(one.asset, []).append(one)
            if one.state == "failed" and graph[one.asset].kind.pool:
                self.stopped = self.stopped or f"{one.asset}: {one.message}"

    @property
    def failed(self) -> bool:
        """Whether anything is missing that was asked for."""
        states = {one.state for found in self.results.values() for one in found}
        return bool(states & {"failed", "blocked", "partial"})

    def lines(self) -> list[str]:
        """One line per asset: its partitions by state, and what was stored."""
        return [_line(asset, found) for asset, found in self.results.items()]


def backfill(
    run: Run,
    keys: Sequence[str],
    size: int,
    progress: Whole,
    on_chunk: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Run the assets over the days of a run's request, oldest first, ``size`` days at a time.

    A sensor or file that cannot be had does not stop it; a source that cannot be asked at all does.
    """
    graph = run.project.graph
    parts, outcome = phases(graph, keys), Outcome()
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
        # Another run object: what the chunks made must not look as it did before them.
        outcome.add(graph, run_all(replace(run), parts.after))
    return outcome


def _chunk_line(days: tuple[str, ...], results: Sequence[Result]) -> str:
    parts = [f"{one.asset} {_counted([one])}" for one in results]
    lost = [f"{one.asset}: {one.message}" for one in results if one.state in ("failed", "partial")]
    return "; ".join([f"{summary(days)}  {', '.join(parts)}", *lost])


def _line(asset: str, found: Sequence[Result]) -> str:
    facts = sum((one.facts for one in found), Facts())
    more = [f"{facts.rows:,} rows"] if facts.rows else []
    more += [f"{facts.bytes:,} bytes"] if facts.bytes else []
    more += [f"{facts.quarantined:,} quarantined"] if facts.quarantined else []
    return "  ".join((f"{asset:24}", _counted(found), ", ".join(more))).rstrip()


def _counted(found: Sequence[Result]) -> str:
    """``29 made, 2 partial``: partitions by what became of them."""
    states = [record.state for one in found for record in one.records]
    words = {"ok": "made", "partial": "partial", "failed": "failed"}
    parts = [f"{states.count(state)} {word}" for state, word in words.items() if state in states]
    parts += ["not run"] if any(one.state == "blocked" for one in found) else []
    return ", ".join(parts) or "up to date"
