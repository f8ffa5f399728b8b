"""Promotion and rollback: compare contracts, check, replace the views, validate, undo on failure.

Every change of an environment's views is recorded in its journal, one change at a time. A column or view
that readers rely on goes away only if the user allows it by the name of the view.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from openaq_assets.errors import PromotionError, SelectionError, nearest
from openaq_assets.graph.assets import served, views_of
from openaq_assets.graph.check_queries import TableCheck, check_queries, in_environment
from openaq_assets.graph.environment import bind
from openaq_assets.graph.operations import CreateView, Query
from openaq_assets.promotion.journal import Action, Claim, Journal, Record, Views, this_person
from openaq_assets.promotion.views import ViewChanges, broken, maker, present, same
from openaq_assets.runs.alerts import alert_on_failure
from openaq_assets.runs.checks import CheckRunner
from openaq_assets.runs.context import Run, summary_of
from openaq_assets.runs.run import materialize

NOTHING = "nothing was promoted"


@dataclass(frozen=True, slots=True)
class Promotion:
    """The result of a promotion or rollback: views created, replaced, removed and unchanged.

    ``number`` is that of its record in the journal (0 if nothing changed), ``repaired`` those of the
    interrupted changes that it undid, ``leftover`` the views that are served but not in the project.
    """

    created: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    number: int = 0
    repaired: tuple[int, ...] = ()
    leftover: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return what was done, as lines for people."""
        numbers = ", ".join(map(str, self.repaired))
        lines = [f"put back   what {numbers} left unfinished"] if numbers else []
        lines += [
            f"{word:11}{', '.join(names)}"
            for word in ("created", "replaced", "removed", "unchanged", "leftover")
            if (names := getattr(self, word))
        ]
        return lines + ([f"promotion  {self.number}"] if self.number else [])


@dataclass(frozen=True)
class _Change:
    """A run and the environment whose views it changes."""

    run: Run
    target: str
    who: str

    @property
    def journal(self) -> Journal:
        environment = self.run.environment.sibling(self.target)
        return Journal(self.run.platform.objects, environment, self.run.clock)

    def present(self) -> dict[str, CreateView]:
        return present(self.run.platform, self.journal.environment)

    def views(self, claim: Claim) -> ViewChanges:
        return ViewChanges(self.run.platform, self.journal.environment, claim, maker(self.run.work))


def promote(run: Run, target: str, allow: Collection[str] = (), who: str = "") -> Promotion:
    """Serve the views of the run's environment from ``target``.

    Raises PromotionError, with ``target`` as it was, if a view cannot be made, a contract would break
    (and the view is not in ``allow``), a check fails before or after, or another changes ``target`` now.
    """
    with alert_on_failure(run, "promotion", target):
        return _promote(_Change(run, target, who or this_person()), allow)


def _promote(change: _Change, allow: Collection[str]) -> Promotion:
    run, target = change.run, change.target
    repaired = _repair(change, "promote")
    wanted = _wanted(run, target)
    before = change.present()
    _refuse_unknown(allow, [*wanted, *before, *change.journal.published()])
    after = _after(before, wanted, allow)
    _refuse_breaking(change, before, after, allow, f"{NOTHING}.")  # before dev is changed
    _make_candidates(run, wanted)
    _refuse_failing(run, target, run.environment.name, NOTHING)
    before = change.present()
    if not any(_changed(before, _after(before, wanted, allow)).values()):
        _refuse_failing(run, target, target, NOTHING)
        leftover = _leftover_views(run, before)
        return Promotion(unchanged=tuple(wanted), repaired=repaired, leftover=leftover)
    with change.journal.claim(
        "promote", change.who, source=run.environment.name, allowed=tuple(sorted(allow))
    ) as claim:
        views = change.views(claim)
        before = change.present()
        after = _after(before, wanted, allow)
        _refuse_breaking(change, before, after, allow, f"{NOTHING}.")  # another may have been first
        changed = _changed(before, after)
        if any(changed.values()):
            views.change(before, after, lambda: _refuse_failing(run, target, target, NOTHING), **changed)
            claim.end("done")
        else:
            claim.end("unchanged")
        return _result(claim.record, wanted, repaired, _leftover_views(run, after))


def rollback(
    run: Run, target: str, to: int | None = None, allow: Collection[str] = (), who: str = ""
) -> Promotion:
    """Serve what ``target`` served before its latest promotion, or right after promotion ``to``.

    An interrupted change is undone first; without ``to`` that is all. Raises PromotionError, with
    ``target`` as it was, if a contract would break (and the view is not in ``allow``) or a view fails.
    """
    with alert_on_failure(run, "rollback", target):
        return _rollback(_Change(run, target, who or this_person()), to, allow)


def _rollback(change: _Change, to: int | None, allow: Collection[str]) -> Promotion:
    repaired = _repair(change, "rollback")
    if repaired and to is None:
        return Promotion(unchanged=tuple(change.present()), repaired=repaired)
    with change.journal.claim("rollback", change.who, allowed=tuple(sorted(allow))) as claim:
        views = change.views(claim)
        before = change.present()
        number, after = _goal(list(change.journal.done()), to)
        _refuse_unknown(allow, [*before, *after])
        _refuse_breaking(change, before, after, allow, "nothing was rolled back.")
        views.change(
            before, after, lambda: _refuse_unreadable(change, after), to=number, **_changed(before, after)
        )
        claim.end("done")
        return _result(claim.record, after, repaired)


def _repair(change: _Change, action: Action) -> tuple[int, ...]:
    """Undo interrupted changes; return their numbers."""
    if not change.journal.unfinished():
        return ()
    with change.journal.claim(action, change.who) as claim:
        repaired = change.views(claim).repair()
        claim.end("repaired")
    return tuple(record.number for record in repaired)


# --- the wanted state -----------------------------------------------------------------------------


def _wanted(run: Run, target: str) -> dict[str, CreateView]:
    """Return the project's views, bound to the target."""
    wanted = {}
    for key in run.project.graph.assets:
        for view in views_of(run.project.graph, key):
            bound = bind(served(view, target), run.environment)
            assert isinstance(bound, CreateView)
            wanted[view.into.asset] = bound
    return wanted


def _after(before: Views, wanted: Views, allow: Collection[str]) -> dict[str, CreateView]:
    """Return the views after a promotion: the wanted ones, and the others that are not allowed to go."""
    kept = {name: view for name, view in before.items() if name in wanted or name not in allow}
    return {**kept, **wanted}


def _leftover_views(run: Run, views: Views) -> tuple[str, ...]:
    return tuple(sorted(views.keys() - run.project.graph.assets.keys() - run.project.graph.left_out))


def _changed(before: Views, after: Views) -> Mapping[str, tuple[str, ...]]:
    """Return the names of the views that are created, replaced and removed."""
    return {
        "created": tuple(name for name in after if name not in before),
        "replaced": tuple(
            name for name, view in after.items() if name in before and not same(view, before[name])
        ),
        "removed": tuple(name for name in before if name not in after),
    }


def _goal(done: Sequence[Record], to: int | None) -> tuple[int, Views]:
    """Return the number that a rollback goes back to, and its views; ``done`` is newest first."""
    if to is None:
        stack = _in_effect(done)
        if not stack:
            raise SelectionError("nothing was promoted, so there is nothing to roll back.")
        below = stack[-2][0] if len(stack) > 1 else 0
        return below, stack[-1][1].before
    for record in done:
        if record.number == to:
            return to, record.after
    known = ", ".join(str(record.number) for record in done[:8]) or "none yet"
    raise SelectionError(f"there is no promotion {to}. Choose one of: {known}.")


def _in_effect(done: Sequence[Record]) -> list[tuple[int, Record]]:
    """Return the changes in effect, oldest first: the number of the state each made, and its record."""
    stack: list[tuple[int, Record]] = []
    for record in reversed(done):
        if record.action != "rollback":
            stack.append((record.number, record))
        elif record.to == 0 or record.to in [number for number, _ in stack]:
            while stack and stack[-1][0] != record.to:
                stack.pop()
        else:
            stack.append((record.to or 0, record))
    return stack


def _result(
    record: Record, views: Views, repaired: tuple[int, ...], leftover: tuple[str, ...] = ()
) -> Promotion:
    changed = {*record.created, *record.replaced, *record.removed}
    return Promotion(
        record.created,
        record.replaced,
        record.removed,
        tuple(name for name in views if name not in changed),
        record.number,
        repaired,
        leftover,
    )


# --- refusals ---------------------------------------------------------------------------------


def _refuse_unknown(allow: Collection[str], names: Collection[str]) -> None:
    for name in allow:
        if name not in names:
            raise SelectionError(f"there is no view '{name}' to allow. {nearest(name, names)}")


def _refuse_breaking(
    change: _Change, before: Views, after: Views, allow: Collection[str], consequence: str
) -> None:
    """Raise PromotionError if a served or published column or view would go away and is not allowed to.

    A view that was dropped by hand may stay away, but may not come back with less than was published.
    """
    lines = dict(broken(before, after))
    known = {name: view for name, view in change.journal.published().items() if name in after}
    for name, more in broken(known, after).items():
        lines[name] = tuple(dict.fromkeys((*lines.get(name, ()), *more)))
    if refused := _not_allowed(lines, allow):
        raise PromotionError(_breaking_text(refused, consequence))


def _not_allowed(
    lines: Mapping[str, tuple[str, ...]], allow: Collection[str]
) -> Mapping[str, tuple[str, ...]]:
    return {name: more for name, more in lines.items() if name not in allow}


def _breaking_text(lines: Mapping[str, tuple[str, ...]], consequence: str) -> str:
    breaks = "; ".join(
        f"{name}.{line}" if ": " in line else f"{name} {line}"
        for name, view_lines in lines.items()
        for line in view_lines
    )
    names = " ".join(f"--allow {name}" for name in lines)
    return (
        f"breaking changes: {breaks} Readers may fail; {consequence[0].lower()}{consequence[1:]} "
        f"To do it anyway, add {names}."
    )


def _make_candidates(run: Run, names: Collection[str]) -> None:
    """Make the edited views in the run's environment first: promoted is what that environment has."""
    for name in names:
        result = materialize(run, name)
        if result.state == "failed":
            raise PromotionError(f"{result.message} {NOTHING.capitalize()}.")


def _refuse_failing(run: Run, target: str, where: str, consequence: str) -> None:
    """Run every check of the target's views in an environment; raise PromotionError if one fails."""
    checks: list[TableCheck] = []
    for asset in run.project.graph:
        own = run.project.graph.answers[asset.key].checks
        checks_target = any(check.at.environment == target for check in own)
        if checks_target or asset.holds == "view":
            checks += in_environment(own, where)
    runner = CheckRunner(run.platform, run.environment, "promotion", sleep=run.sleep)
    results = runner.run(check_queries(dict.fromkeys(checks)))[""]
    if failures := summary_of(results):
        raise PromotionError(f"in {where}, check {failures}: {consequence}.")


def _refuse_unreadable(change: _Change, views: Views) -> None:
    """Raise PromotionError for a view that cannot be read or has other columns than before."""
    for name, view in views.items():
        at = replace(view.into, environment=change.target)
        query = Query(f"contract {name}", f"SELECT * FROM {name} LIMIT 0", (at,), "contract", view.columns)
        ticket = change.run.work.finish(query)
        if ticket.state == "failed":
            raise PromotionError(f"in {change.target}, {ticket.message}: nothing was rolled back.")
