"""What the runner does beside an asset's operations: the first views of a gate, and every check."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from openaq_assets.checking import Checking, Results
from openaq_assets.definitions import Asset
from openaq_assets.environment import bind
from openaq_assets.errors import PlatformError, PromotionError
from openaq_assets.journal import Journal, Record, Views, busy_text, this_person
from openaq_assets.operations import CreateView, Operation, Ref, Register, Table, Transform
from openaq_assets.platforms import Facts, Ticket
from openaq_assets.platforms.answers import ticket
from openaq_assets.questions import CheckResult, Promise, Question, questions
from openaq_assets.reconciling import rows_in_raw
from openaq_assets.replacing import Replacing, present

if TYPE_CHECKING:
    from openaq_assets.runner import Run


PATIENCE = 20  # looks, a second apart


def split(
    run: "Run", asset: Asset, operations: Sequence[Operation], partitions: tuple[str, ...]
) -> tuple[list[CreateView], list[Operation], tuple[Question, ...]]:
    """The views to make where they are missing, what to do, and what to ask afterwards."""
    promises = tuple(asset.kind.promises(asset, run.project.graph))
    own = {one.query for one in questions(promises, partitions)}
    first = [one for one in operations if isinstance(one, CreateView) and not one.replace]
    rest = [one for one in operations if one not in own and one not in first]
    asked = questions(_as_promised(run, asset, promises), partitions)
    if asked and asset.kind.name == "processed":  # what was just written must be there to be asked
        rest.append(_registering(asset, partitions))
    return first, rest, asked


def _registering(asset: Asset, partitions: tuple[str, ...]) -> Register:
    columns = tuple(asset.kind.columns(asset))
    at = Ref(asset.key, "processed", partitions)
    return Register((Table(at, columns, partitioned=asset.partitions is not None),))


def checked(
    run: "Run",
    asset: Asset,
    partitions: tuple[str, ...],
    asked: Sequence[Question],
    started: dt.datetime,
) -> Results:
    """What came of every check of an asset that was just made, by partition."""
    if not asked:
        return {}
    views = tuple(_state_of_views(run, asset)) if _elsewhere(run, asset) else ()
    if any(one.blocks for one in views):  # half new: what would be found is no news
        return dict.fromkeys(partitions or ("",), views)
    checking = Checking(
        run.platform,
        run.environment,
        asset.key,
        partitions,
        newest=max((*run.situation.entries(asset.key), *partitions), default=""),
        in_raw=lambda day: _in_raw(run, asset, day, started),
        sleep=run.sleep,
    )
    return {partition: found + views for partition, found in checking.ask(asked).items()}


def _in_raw(run: "Run", asset: Asset, day: str, started: dt.datetime) -> tuple[int, ...]:
    for one in asset.kind.operations(asset, run.project.graph, (day,), ()):
        if isinstance(one, Transform):
            bound = bind(one, run.environment)
            assert isinstance(bound, Transform)
            return rows_in_raw(run.platform.objects, bound, day, started)
    return ()


# --- the gate: views of another environment -------------------------------------------------------


def _elsewhere(run: "Run", asset: Asset) -> str:
    """The environment a check asks about, if it has a journal: another than the run's."""
    name: str = getattr(asset.spec, "environment", "") if asset.kind.name == "check" else ""
    return name if name != run.environment.name else ""


def _journal(run: "Run", environment: str) -> Journal:
    return Journal(run.platform.objects, run.environment.sibling(environment), run.clock)


def _wait(run: "Run", journal: Journal) -> Record | None:
    """Who still changes the views after a while: two runs at once may both come to the gate."""
    busy = journal.busy()
    for _ in range(PATIENCE):
        if busy is None:
            break
        run.sleep(1.0)
        busy = journal.busy()
    return busy


def make_first(run: "Run", views: Sequence[CreateView]) -> list[Ticket]:
    """The ticket of making the views that an environment has not: never one that promotion took away.

    One that is gone although it was promised is made again as it was promised.
    """
    if not views:
        return []
    try:
        return [_make_missing(run, views)]
    except PlatformError as error:
        return [ticket("failed", message=str(error), retryable=error.retryable)]
    except PromotionError as error:
        return [ticket("failed", message=str(error), retryable=True)]


def _make_missing(run: "Run", views: Sequence[CreateView]) -> Ticket:
    journal = _journal(run, views[0].into.environment)
    _wait(run, journal)
    before = present(run.platform, journal.place)
    missing = [one for one in views if one.into.asset not in before]
    unfinished = {one.action for one in journal.unfinished()}
    # An interrupted promotion is told by the checks; what a killed gate began, a gate may end.
    if unfinished - {"bootstrap"} or not (missing or unfinished):
        return ticket("succeeded", {"": Facts()}, message="nothing is missing")
    with journal.claim("bootstrap", this_person(), source=run.environment.name) as claim:
        hands = Replacing(run.platform, journal.place, claim, lambda one: _made(run, one))
        hands.repair()
        before = present(run.platform, journal.place)
        made = _first_of(run, journal, [one for one in views if one.into.asset not in before])
        if made:
            after = {**before, **made}
            hands.change(before, after, lambda: None, created=tuple(made))
        claim.end("done" if made else "unchanged")
    return ticket("succeeded", {"": Facts(objects=len(made))})


def _first_of(run: "Run", journal: Journal, missing: Sequence[CreateView]) -> dict[str, CreateView]:
    """What to make of the missing views; one that was taken away on purpose stays away."""
    done = list(journal.done())
    promised = done[0].after if done else {}
    once = {name for record in done for name in (*record.before, *record.after)}
    made = {}
    for view in missing:
        name = view.into.asset
        bound = bind(view, run.environment)
        assert isinstance(bound, CreateView)
        if name in promised:
            made[name] = promised[name]
        elif name not in once:
            made[name] = replace(bound, replace=True)
    return made


def _made(run: "Run", view: CreateView) -> str:
    found = run.platform.submit(view)
    while found.state == "running":
        run.sleep(1.0)
        found = run.platform.poll(found)
    return found.message if found.state == "failed" else ""


def _as_promised(run: "Run", asset: Asset, promises: Sequence[Promise]) -> tuple[Promise, ...]:
    """A contract elsewhere is what its readers were told, not what was edited since; and what is asked
    of columns they were not told of waits for the promotion."""
    if not _elsewhere(run, asset):
        return tuple(promises)
    told: Views = _journal(run, _elsewhere(run, asset)).promised()
    found = []
    for one in promises:
        if one.table in told:
            one = replace(one, columns=told[one.table].columns)
        names = {str(column.name) for column in one.columns}
        if names.issuperset(
            {*one.check.columns, *([one.check.column] if one.check.column else [])}
        ):
            found.append(one)
    return tuple(found)


def _state_of_views(run: "Run", asset: Asset) -> list[CheckResult]:
    """What the journal and the catalog say of an environment as a whole."""
    environment = _elsewhere(run, asset)
    journal, found = _journal(run, environment), []
    busy = _wait(run, journal)
    if busy:
        found.append(
            CheckResult(f"promotion {environment}", "error", retryable=True,
                        message=busy_text(environment, busy))
        )  # fmt: skip
    elif any(one.state == "started" for one in journal.unfinished()):
        message = (
            "a promotion was interrupted: run 'openaq-assets promote' or 'rollback' to mend it"
        )
        found.append(CheckResult(f"promotion {environment}", "failed", failures=1, message=message))
    graph = run.project.graph
    there = run.platform.views(journal.place.database)
    for name in sorted(set(there) - graph.assets.keys() - graph.left_out):
        message = (
            f"it is served, but not in the project: 'openaq-assets promote --allow {name}' drops it"
        )
        found.append(
            CheckResult(f"leftover {environment}.{name}", "failed", "warn", 1, message=message)
        )
    return found
