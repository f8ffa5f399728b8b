"""Dev to prod and back: compare contracts, check, replace the views, validate, and undo if that fails.

Every way to change an environment's views goes through its journal, one at a time, and nothing that
readers rely on goes away unless its view is allowed to break by name.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from openaq_assets.checking import Checking, summary_of
from openaq_assets.environment import bind
from openaq_assets.errors import PromotionError, SelectionError, nearest
from openaq_assets.journal import Action, Journal, Record, Views, this_person
from openaq_assets.kinds.view import create_view
from openaq_assets.notifications import telling
from openaq_assets.operations import CreateView, Operation, Query
from openaq_assets.platforms import Ticket
from openaq_assets.questions import Promise, in_environment, questions
from openaq_assets.replacing import Replacing, broken, present, same
from openaq_assets.runner import Run, materialize

NOTHING = "nothing was promoted"


@dataclass(frozen=True, slots=True)
class Promotion:
    """What a promotion or rollback did: views made new, replaced, taken away and left as they were.

    ``number`` is its own in the journal (0 if nothing changed), ``repaired`` those of interrupted
    changes it put back, ``leftover`` the views that are served but no longer in the project.
    """

    created: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    number: int = 0
    repaired: tuple[int, ...] = ()
    leftover: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """What was done, as people read it."""
        numbers = ", ".join(map(str, self.repaired))
        found = [f"put back   what {numbers} left unfinished"] if numbers else []
        found += [
            f"{word:11}{', '.join(names)}"
            for word in ("created", "replaced", "removed", "unchanged", "leftover")
            if (names := getattr(self, word))
        ]
        return found + ([f"promotion  {self.number}"] if self.number else [])


@dataclass(frozen=True)
class _Work:
    """A run and the environment whose views it changes."""

    run: Run
    target: str
    who: str

    @property
    def journal(self) -> Journal:
        place = self.run.environment.sibling(self.target)
        return Journal(self.run.platform.objects, place, self.run.clock)

    def present(self) -> dict[str, CreateView]:
        return present(self.run.platform, self.journal.place)

    def finished(self, operation: Operation) -> Ticket:
        ticket = self.run.platform.submit(operation)
        while ticket.state == "running":
            self.run.sleep(1.0)
            ticket = self.run.platform.poll(ticket)
        return ticket

    def made(self, view: CreateView) -> str:
        ticket = self.finished(view)
        return ticket.message if ticket.state == "failed" else ""


def promote(
    run: Run,
    target: str,
    allow: Collection[str] = (),
    who: str = "",
) -> Promotion:
    """Serve the views of the run's environment from ``target``.

    Raises PromotionError, with ``target`` as it was, if a view cannot be made, a contract would break
    (and is not in ``allow`` by view name), a check fails before or after, or another is changing it.
    """
    with telling(run, "promotion", target):
        return _promote(_Work(run, target, who or this_person()), allow)


def _promote(work: _Work, allow: Collection[str]) -> Promotion:
    run, target = work.run, work.target
    repaired = _repair(work, "promote")
    wanted = _wanted(run, target)
    before = work.present()
    _refuse_unknown(allow, [*wanted, *before, *work.journal.promised()])
    after = _after(before, wanted, allow)
    _refuse_breaking(work, before, after, allow, f"{NOTHING}.")  # nothing is made yet, even in dev
    _make_candidates(run, wanted)
    _refuse_failing(run, target, run.environment.name, NOTHING)
    before = work.present()
    if not any(_changed(before, _after(before, wanted, allow)).values()):
        _refuse_failing(run, target, target, NOTHING)
        left = _leftover(run, before)
        return Promotion(unchanged=tuple(wanted), repaired=repaired, leftover=left)
    with work.journal.claim(
        "promote", work.who, source=run.environment.name, allowed=tuple(sorted(allow))
    ) as claim:
        hands = Replacing(run.platform, work.journal.place, claim, work.made)
        before = work.present()
        after = _after(before, wanted, allow)
        _refuse_breaking(work, before, after, allow, f"{NOTHING}.")  # another may have been first
        changed = _changed(before, after)
        if any(changed.values()):
            hands.change(
                before, after, lambda: _refuse_failing(run, target, target, NOTHING), **changed
            )
            claim.end("done")
        else:
            claim.end("unchanged")
        return _told(claim.record, wanted, repaired, _leftover(run, after))


def rollback(
    run: Run,
    target: str,
    to: int | None = None,
    allow: Collection[str] = (),
    who: str = "",
) -> Promotion:
    """Serve what ``target`` served before its latest promotion, or right after promotion ``to``.

    What was interrupted is put back first; without ``to`` that is all. Raises PromotionError, with
    ``target`` as it was, for what would break (and is not in ``allow``) or does not work any more.
    """
    with telling(run, "rollback", target):
        return _rollback(_Work(run, target, who or this_person()), to, allow)


def _rollback(work: _Work, to: int | None, allow: Collection[str]) -> Promotion:
    run = work.run
    repaired = _repair(work, "rollback")
    if repaired and to is None:
        return Promotion(unchanged=tuple(work.present()), repaired=repaired)
    with work.journal.claim("rollback", work.who, allowed=tuple(sorted(allow))) as claim:
        hands = Replacing(run.platform, work.journal.place, claim, work.made)
        before = work.present()
        number, after = _goal(list(work.journal.done()), to)
        _refuse_unknown(allow, [*before, *after])
        _refuse_breaking(work, before, after, allow, "nothing was rolled back.")
        hands.change(
            before,
            after,
            lambda: _refuse_unreadable(work, after),
            to=number,
            **_changed(before, after),
        )
        claim.end("done")
        return _told(claim.record, after, repaired)


def _repair(work: _Work, action: Action) -> tuple[int, ...]:
    """Put back what an interrupted change left; the numbers of what was undone."""
    if not work.journal.unfinished():
        return ()
    with work.journal.claim(action, work.who) as claim:
        repaired = Replacing(work.run.platform, work.journal.place, claim, work.made).repair()
        claim.end("repaired")
    return tuple(one.number for one in repaired)


# --- what is to be --------------------------------------------------------------------------------


def _wanted(run: Run, target: str) -> dict[str, CreateView]:
    """The project's views as the target's."""
    found = {}
    for asset in run.project.graph:
        if asset.kind.name == "view":
            bound = bind(create_view(asset, run.project.graph, target), run.environment)
            assert isinstance(bound, CreateView)
            found[asset.key] = bound
    return found


def _after(before: Views, wanted: Views, allow: Collection[str]) -> dict[str, CreateView]:
    """What is there and not in the project stays, unless it is allowed to go."""
    kept = {name: view for name, view in before.items() if name in wanted or name not in allow}
    return {**kept, **wanted}


def _leftover(run: Run, views: Views) -> tuple[str, ...]:
    return tuple(
        sorted(views.keys() - run.project.graph.assets.keys() - run.project.graph.left_out)
    )


def _changed(before: Views, after: Views) -> Mapping[str, tuple[str, ...]]:
    """The views that are made new, replaced and taken away."""
    return {
        "created": tuple(name for name in after if name not in before),
        "replaced": tuple(
            name for name, view in after.items() if name in before and not same(view, before[name])
        ),
        "removed": tuple(name for name in before if name not in after),
    }


def _goal(done: Sequence[Record], to: int | None) -> tuple[int, Views]:
    """The number a rollback goes back to and the views as they were then; ``done`` is newest first."""
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
    """The changes that nobody rolled back, oldest first: the state each made, and its record."""
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


def _told(
    record: Record, views: Views, repaired: tuple[int, ...], leftover: tuple[str, ...] = ()
) -> Promotion:
    changed = {*record.created, *record.replaced, *record.removed}
    return Promotion(
        record.created, record.replaced, record.removed,
        tuple(name for name in views if name not in changed),
        record.number, repaired, leftover,
    )  # fmt: skip


# --- what is refused ------------------------------------------------------------------------------


def _refuse_unknown(allow: Collection[str], names: Collection[str]) -> None:
    for name in allow:
        if name not in names:
            raise SelectionError(f"there is no view '{name}' to allow. {nearest(name, names)}")


def _refuse_breaking(
    work: _Work, before: Views, after: Views, allow: Collection[str], consequence: str
) -> None:
    """Nothing that is served, or that was told to readers, may go away unless its view is allowed.

    What somebody dropped by hand may stay away, but not come back as less than readers were told.
    """
    lines = dict(broken(before, after))
    known = {name: view for name, view in work.journal.promised().items() if name in after}
    for name, more in broken(known, after).items():
        lines[name] = tuple(dict.fromkeys((*lines.get(name, ()), *more)))
    if told := _not_allowed(lines, allow):
        raise PromotionError(_breaking_text(told, consequence))


def _not_allowed(
    lines: Mapping[str, tuple[str, ...]], allow: Collection[str]
) -> Mapping[str, tuple[str, ...]]:
    return {name: more for name, more in lines.items() if name not in allow}


def _breaking_text(lines: Mapping[str, tuple[str, ...]], consequence: str) -> str:
    said = "; ".join(
        f"{name}.{one}" if ": " in one else f"{name} {one}"
        for name, more in lines.items()
        for one in more
    )
    names = " ".join(f"--allow {name}" for name in lines)
    return (
        f"breaking: {said} Readers may fail; {consequence[0].lower()}{consequence[1:]} "
        f"To do it anyway: {names}."
    )


def _make_candidates(run: Run, names: Collection[str]) -> None:
    """What is promoted is what the run's environment has: views that were edited are made there first."""
    for name in names:
        result = materialize(run, name)
        if result.state == "failed":
            raise PromotionError(f"{result.message} {NOTHING.capitalize()}.")


def _refuse_failing(run: Run, target: str, where: str, consequence: str) -> None:
    """Ask everything that is promised of the target's views in an environment."""
    promises: list[Promise] = []
    for asset in run.project.graph:
        is_gate = asset.kind.name == "check" and asset.spec.environment == target
        if is_gate or asset.kind.name == "view":
            promises += in_environment(asset.kind.promises(asset, run.project.graph), where)
    checking = Checking(run.platform, run.environment, "promotion", sleep=run.sleep)
    results = checking.ask(questions(dict.fromkeys(promises)))[""]
    if said := summary_of(results):
        raise PromotionError(f"in {where}, check {said}: {consequence}.")


def _refuse_unreadable(work: _Work, views: Views) -> None:
    """Every view must still answer, with the columns it had."""
    for name, view in views.items():
        at = replace(view.into, environment=work.target)
        query = Query(
            f"contract {name}", f"SELECT * FROM {name} LIMIT 0", (at,), "contract", view.columns
        )
        ticket = work.finished(query)
        if ticket.state == "failed":
            raise PromotionError(f"in {work.target}, {ticket.message}: nothing was rolled back.")
