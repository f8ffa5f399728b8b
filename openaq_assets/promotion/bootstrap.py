"""The gate between a run and the views of another environment: makes the first views, reports the state."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from openaq_assets.errors import PlatformError, PromotionError
from openaq_assets.graph.check_queries import CheckResult
from openaq_assets.graph.environment import bind
from openaq_assets.graph.operations import CreateView
from openaq_assets.graph.records import Facts
from openaq_assets.platforms import Ticket, Work, ticket
from openaq_assets.promotion.journal import Journal, Record, busy_text, this_person
from openaq_assets.promotion.views import ViewChanges, maker, present

PATIENCE = 20  # how often the journal is read while another changes the views, once a second


class Gate:
    """Asks the journal of an environment before its views are made or judged."""

    def make_missing(self, work: Work, views: Sequence[CreateView]) -> list[Ticket]:
        """Make the views that an environment lacks; return the ticket of that.

        A view that a promotion removed is never made. A view that was dropped by hand is made again as
        the latest promotion published it.
        """
        try:
            return [_make_missing(work, views)]
        except PlatformError as error:
            return [ticket("failed", message=str(error), retryable=error.retryable)]
        except PromotionError as error:
            return [ticket("failed", message=str(error), retryable=True)]

    def published(self, work: Work, environment: str) -> Mapping[str, CreateView]:
        """Return the views of an environment as its readers know them."""
        return _journal(work, environment).published()

    def findings(self, work: Work, environment: str, known: Collection[str]) -> list[CheckResult]:
        """Return what the journal and the catalog say of an environment as a whole."""
        return [*_unfinished(work, environment), *_leftover_views(work, environment, known)]


def _journal(work: Work, environment: str) -> Journal:
    return Journal(work.platform.objects, work.environment.sibling(environment), work.clock)


def _wait(work: Work, journal: Journal) -> Record | None:
    """Return the change that is still going on after a while: two runs may make missing views at once."""
    busy = journal.busy()
    for _ in range(PATIENCE):
        if busy is None:
            break
        work.sleep(1.0)
        busy = journal.busy()
    return busy


def _make_missing(work: Work, views: Sequence[CreateView]) -> Ticket:
    journal = _journal(work, views[0].into.environment)
    _wait(work, journal)
    before = present(work.platform, journal.environment)
    missing = [view for view in views if view.into.asset not in before]
    unfinished = {record.action for record in journal.unfinished()}
    # Checks report an interrupted promotion; only an interrupted bootstrap is repaired here.
    if unfinished - {"bootstrap"} or not (missing or unfinished):
        return ticket("succeeded", {"": Facts()}, message="nothing is missing")
    with journal.claim("bootstrap", this_person(), source=work.environment.name) as claim:
        changes = ViewChanges(work.platform, journal.environment, claim, maker(work))
        changes.repair()
        before = present(work.platform, journal.environment)
        made = _first_of(work, journal, [view for view in views if view.into.asset not in before])
        if made:
            changes.change(before, {**before, **made}, lambda: None, created=tuple(made))
        claim.end("done" if made else "unchanged")
    return ticket("succeeded", {"": Facts(objects=len(made))})


def _first_of(work: Work, journal: Journal, missing: Sequence[CreateView]) -> dict[str, CreateView]:
    """Return the views to make among the missing ones; a view that a promotion removed stays removed."""
    done = list(journal.done())
    published = done[0].after if done else {}
    ever = {name for record in done for name in (*record.before, *record.after)}
    made = {}
    for view in missing:
        name = view.into.asset
        bound = bind(view, work.environment)
        assert isinstance(bound, CreateView)
        if name in published:
            made[name] = published[name]
        elif name not in ever:
            made[name] = replace(bound, replace=True)
    return made


def _unfinished(work: Work, environment: str) -> Iterator[CheckResult]:
    name, journal = f"promotion {environment}", _journal(work, environment)
    busy = _wait(work, journal)
    if busy:
        message = busy_text(environment, busy)
        yield CheckResult(name, "error", retryable=True, message=message)
    elif any(record.state == "started" for record in journal.unfinished()):
        message = "a promotion was interrupted: run 'openaq-assets promote' or 'rollback' to repair it"
        yield CheckResult(name, "failed", failures=1, message=message)


def _leftover_views(work: Work, environment: str, known: Collection[str]) -> Iterator[CheckResult]:
    views = work.platform.views(work.environment.sibling(environment).database)
    for name in sorted(set(views) - set(known)):
        message = f"the view is not in the project: run 'openaq-assets promote --allow {name}' to drop it"
        title = f"leftover {environment}.{name}"
        yield CheckResult(title, "failed", "warn", 1, message=message)
