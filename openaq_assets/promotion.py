"""Dev to prod: compare contracts, check in dev, replace the views, validate, and undo if that fails."""

import dataclasses
import datetime as dt
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from openaq_assets.contracts import Difference, compare, pairs
from openaq_assets.environment import bind
from openaq_assets.errors import PromotionError, SelectionError, nearest
from openaq_assets.kinds.view import create_view
from openaq_assets.operations import CreateView, Operation
from openaq_assets.platforms import Ticket
from openaq_assets.runner import Run, materialize


@dataclass(frozen=True, slots=True)
class Promotion:
    """What a promotion did: the views made new, replaced and left as they were."""

    created: tuple[str, ...]
    replaced: tuple[str, ...]
    unchanged: tuple[str, ...]
    at: str


def promote(run: Run, target: str, allow: Collection[str] = ()) -> Promotion:
    """Serve the views of the run's environment from ``target``.

    Raises PromotionError, with ``target`` as it was, if a view cannot be made, a contract would break
    (and is not in ``allow`` by view name) or a check fails before or after.
    """
    views = [asset for asset in run.project.graph if asset.kind.name == "view"]
    names = [asset.key for asset in views]
    for name in allow:
        if name not in names:
            raise SelectionError(f"there is no view '{name}' to allow. {nearest(name, names)}")
    wanted = [_bound(run, create_view(asset, run.project.graph, target)) for asset in views]
    before = {view.into.table: run.platform.view(view.into) for view in wanted}
    _refuse_breaking(wanted, before, allow)
    _make_candidates(run, names)
    _refuse_failing(run, target, run.environment.name, "nothing was promoted")
    done: list[CreateView] = []
    try:
        for view in wanted:
            if not _same(view, before[view.into.table]):
                done.append(view)
                _submit(run, view)
        _refuse_failing(run, target, target, "nothing was promoted")
    except BaseException as reason:  # also an interruption: prod must not stay half new
        stuck = _put_back(run, done, before)
        if stuck:
            raise PromotionError(f"{reason} NOT put back: {'; '.join(stuck)}") from reason
        raise
    return _recorded(run, target, wanted, done, before)


def _make_candidates(run: Run, names: Sequence[str]) -> None:
    """What is promoted is what the run's environment has: views that were edited are made there first."""
    for name in names:
        result = materialize(run, name)
        if result.state == "failed":
            raise PromotionError(f"{result.message} Nothing was promoted.")


def _put_back(
    run: Run, done: Sequence[CreateView], before: dict[str, CreateView | None]
) -> list[str]:
    """Undo in the order of making, so that each view finds what it reads; what could not be undone."""
    tickets = [run.platform.submit(old) for view in done if (old := before[view.into.table])]
    for view in reversed(done):
        if before[view.into.table] is None:
            run.platform.drop_view(view.into)
    return [ticket.message for ticket in tickets if ticket.state == "failed"]


def _bound(run: Run, operation: Operation) -> CreateView:
    bound = bind(operation, run.environment)
    assert isinstance(bound, CreateView)
    return bound


def _same(view: CreateView, previous: CreateView | None) -> bool:
    if previous is None:
        return False
    kept = (view.sql, pairs(view.columns), [ref.table for ref in view.inputs])
    return kept == (previous.sql, pairs(previous.columns), [ref.table for ref in previous.inputs])


def _refuse_breaking(
    wanted: Sequence[CreateView], before: dict[str, CreateView | None], allow: Collection[str]
) -> None:
    breaking: list[tuple[str, Difference]] = []
    for view in wanted:
        previous = before[view.into.table]
        if previous and view.into.asset not in allow:
            found = compare(pairs(previous.columns), pairs(view.columns))
            breaking += [(view.into.asset, one) for one in found if one.breaking]
    if breaking:
        lines = "; ".join(f"{name}.{one}" for name, one in breaking)
        names = " ".join(f"--allow {name}" for name in dict.fromkeys(name for name, _ in breaking))
        raise PromotionError(
            f"breaking: {lines} Readers of prod may fail. To do it anyway: {names}."
        )


def _refuse_failing(run: Run, target: str, where: str, consequence: str) -> None:
    """Ask every check of the target's views in an environment."""
    failed = []
    for asset in run.project.graph:
        if asset.kind.name != "check" or asset.spec.environment != target:
            continue
        there = dataclasses.replace(
            asset, spec=dataclasses.replace(asset.spec, environment=where, bootstrap=False)
        )
        for operation in asset.kind.operations(there, run.project.graph, (), ()):
            ticket = run.platform.submit(bind(operation, run.environment))
            failed += [ticket.message] if ticket.state == "failed" else []
    if failed:
        raise PromotionError(f"in {where}, {'; '.join(failed)}: {consequence}.")


def _submit(run: Run, view: CreateView) -> Ticket:
    ticket = run.platform.submit(view)
    if ticket.state == "failed":
        raise PromotionError(f"{ticket.message} Nothing was promoted.")
    return ticket


def _recorded(
    run: Run,
    target: str,
    wanted: Sequence[CreateView],
    done: Sequence[CreateView],
    before: dict[str, CreateView | None],
) -> Promotion:
    changed = [view.into.asset for view in done]
    new = [view.into.asset for view in done if before[view.into.table] is None]
    promotion = Promotion(
        created=tuple(new),
        replaced=tuple(name for name in changed if name not in new),
        unchanged=tuple(view.into.asset for view in wanted if view.into.asset not in changed),
        at=dt.datetime.now(dt.UTC).isoformat(),
    )
    if not done:
        return promotion
    stamp = dt.datetime.fromisoformat(promotion.at).strftime("%Y%m%dT%H%M%S%fZ")
    uri = run.environment.sibling(target).uri("promotions", f"{stamp}.json")
    body = {
        **dataclasses.asdict(promotion),
        "from": run.environment.name,
        "views": [dataclasses.asdict(view) for view in wanted],
        "before": [dataclasses.asdict(view) for view in before.values() if view],
    }
    run.platform.objects.put_new(uri, json.dumps(body, ensure_ascii=False, indent=1).encode())
    return promotion
