"""Makes the views of an environment exactly what is wanted, or exactly what they were."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter

from openaq_assets.errors import LeaseLost, PlatformError, PromotionError
from openaq_assets.graph.contracts import compare, pairs
from openaq_assets.graph.environment import Environment
from openaq_assets.graph.operations import VIEW, CreateView, Ref
from openaq_assets.platforms import Platform, Work
from openaq_assets.promotion.journal import Claim, Record, Views

ATTEMPTS = 3  # to put right what came too late


def same(view: CreateView, other: CreateView | None) -> bool:
    """Whether two definitions are one: text, columns and what they read."""
    return other is not None and _essence(view) == _essence(other)


def _essence(view: CreateView) -> tuple[object, ...]:
    return view.sql, pairs(view.columns), sorted(ref.table for ref in view.inputs)


def present(platform: Platform, environment: Environment) -> dict[str, CreateView]:
    """Every view there is in an environment, by name."""
    found = {}
    for name in platform.views(environment.database):
        at = Ref(name, VIEW, environment=environment.name)
        view = platform.view(environment.locate(at))
        if view is not None:
            found[name] = view
    return found


def in_order(views: Iterable[CreateView]) -> list[CreateView]:
    """Views, each after those of them it reads; equals in order of their names."""
    by_table = {view.into.table: view for view in sorted(views, key=lambda one: one.into.table)}
    edges = {
        table: sorted({ref.table for ref in view.inputs} & by_table.keys() - {table})
        for table, view in by_table.items()
    }
    try:
        return [by_table[table] for table in TopologicalSorter(edges).static_order()]
    except CycleError:  # made by hand; the platform will say what is wrong with it
        return list(by_table.values())


def broken(before: Views, after: Views) -> Mapping[str, tuple[str, ...]]:
    """What readers of the views would miss, by view: columns gone, of another type or order, views gone."""
    found: dict[str, tuple[str, ...]] = {}
    for name, view in before.items():
        if name not in after:
            found[name] = ("would be gone.",)
            continue
        differences = compare(pairs(view.columns), pairs(after[name].columns))
        if lines := tuple(str(one) for one in differences if one.breaking):
            found[name] = lines
    return found


@dataclass(frozen=True)
class ViewChanges:
    """Changes the views of one environment on a platform, under a claim."""

    platform: Platform
    environment: Environment
    claim: Claim
    make: Callable[[CreateView], str]  # '' or why it could not be made

    def reach(self, wanted: Views) -> None:
        """Make the views what is wanted; raises PromotionError at the first that cannot be made."""
        now = present(self.platform, self.environment)
        for view in in_order(wanted.values()):
            if not same(view, now.get(view.into.asset)):
                self.claim.hold()
                if message := self.make(view):
                    raise PromotionError(message)
        self._drop(now, wanted)

    def put_back(self, before: Views) -> list[str]:
        """Make the views what they were, as far as possible; what could not be is told."""
        now = present(self.platform, self.environment)
        stuck = []
        for view in in_order(before.values()):
            if not same(view, now.get(view.into.asset)):
                self.claim.hold()
                if message := self.make(view):
                    stuck.append(message)
        self._drop(now, before)
        return stuck

    def _drop(self, now: Views, wanted: Views) -> None:
        for view in reversed(in_order(now.values())):
            if view.into.asset not in wanted:
                self.claim.hold()
                self.platform.drop_view(view.into)

    def repair(self) -> list[Record]:
        """Undo what was interrupted; raises PromotionError if that is not possible.

        The others are told to be over before anything is touched: one that wakes up late cannot end as
        done any more. What is to be put back stands in our own intent by then.
        """
        others = [one for one in self.claim.journal.unfinished() if one.number < self.claim.record.number]
        begun = [one for one in others if one.state == "started"]
        if begun:
            self.claim.start(begun[-1].before, begun[-1].before)
        text = f"interrupted; undone by {self.claim.record.number}"
        over = [one for one in others if self.claim.end_other(one, text)]
        named = " and ".join(f"{one.action} {one.number}" for one in begun or others)
        if over != others:
            self.claim.end("unchanged")
            raise PromotionError(f"{named} has just ended by itself. Run the command again.")
        if not begun:
            return []
        with self._amending(begun[-1].before):
            stuck = self.put_back(begun[-1].before)
            self.claim.hold()
        if stuck:
            self.claim.release()
            raise PromotionError(f"{named} was interrupted, and cannot be put back: {'; '.join(stuck)}")
        return begun

    def change(self, before: Views, after: Views, validate: Callable[[], None], **more: object) -> None:
        """From one state to the other and validate it; if anything fails, back again.

        What cannot be put back stays without an outcome, so that the next claim tries again.
        """
        self.claim.start(before, after, **more)
        with self._amending(before):
            try:
                self.reach(after)
                self.claim.hold()  # a last change that came too late is found here
                validate()
            except LeaseLost:
                raise
            except BaseException as reason:  # also interrupted: readers must not see it half new
                self._undo(before, reason)
                raise

    def _undo(self, before: Views, reason: BaseException) -> None:
        try:
            stuck = self.put_back(before)
            self.claim.hold()
        except PlatformError as error:
            stuck = [str(error)]
        if stuck:
            self.claim.release()
            raise PromotionError(
                f"{reason} NOT put back: {'; '.join(stuck)} Run the command again to try again."
            ) from reason
        self.claim.end("undone", str(reason) or type(reason).__name__)

    @contextmanager
    def _amending(self, before: Views) -> Iterator[None]:
        """If our turn ends while views are being changed, what came too late is put right."""
        try:
            yield
        except LeaseLost:
            self._amend(before)
            raise

    def _amend(self, before: Views) -> None:
        """Make the views what the journal says: a machine that was suspended between looking and changing
        has changed them after its turn. Who has the turn now is not disturbed."""
        for _ in range(ATTEMPTS):
            try:
                self._amend_once(before)
                return
            except LeaseLost:
                continue
            except (PromotionError, PlatformError):
                return  # another is at it, or it cannot be done now: the next command repairs

    def _amend_once(self, before: Views) -> None:
        journal, mine = self.claim.journal, self.claim.record
        with journal.claim(mine.action, mine.who) as claim:
            again = replace(self, claim=claim)
            again.repair()
            newest = next((one for one in journal.done() if one.number > mine.number), None)
            wanted = newest.after if newest else before
            claim.start(wanted, wanted)
            if again.put_back(wanted):
                claim.release()
            else:
                claim.end("repaired")


def maker(work: Work) -> Callable[[CreateView], str]:
    """Return a function that makes a view and returns '', or why it could not be made."""

    def make(view: CreateView) -> str:
        ticket = work.finish(view)
        return ticket.message if ticket.state == "failed" else ""

    return make
