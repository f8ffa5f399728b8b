"""Changes of an environment's views: to exactly what is wanted, or back to exactly what they were."""

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

ATTEMPTS = 3  # to correct a change that was made after the lease was over


def same(view: CreateView, other: CreateView | None) -> bool:
    """Return whether two definitions have the same SQL, columns and tables that they read."""
    return other is not None and _essence(view) == _essence(other)


def _essence(view: CreateView) -> tuple[object, ...]:
    return view.sql, pairs(view.columns), sorted(ref.table for ref in view.inputs)


def present(platform: Platform, environment: Environment) -> dict[str, CreateView]:
    """Return every view of an environment, by name."""
    views = {}
    for name in platform.views(environment.database):
        at = Ref(name, VIEW, environment=environment.name)
        view = platform.view(environment.locate(at))
        if view is not None:
            views[name] = view
    return views


def in_order(views: Iterable[CreateView]) -> list[CreateView]:
    """Return views, each after those of them that it reads, otherwise in order of their tables."""
    by_table = {view.into.table: view for view in sorted(views, key=lambda view: view.into.table)}
    edges = {
        table: sorted({ref.table for ref in view.inputs} & by_table.keys() - {table})
        for table, view in by_table.items()
    }
    try:
        return [by_table[table] for table in TopologicalSorter(edges).static_order()]
    except CycleError:  # only by hand; the platform reports what is wrong
        return list(by_table.values())


def broken(before: Views, after: Views) -> Mapping[str, tuple[str, ...]]:
    """Return what readers would miss, by view: the view, or columns that are gone or have changed."""
    breaks: dict[str, tuple[str, ...]] = {}
    for name, view in before.items():
        if name not in after:
            breaks[name] = ("would be removed.",)
            continue
        differences = compare(pairs(view.columns), pairs(after[name].columns))
        if lines := tuple(str(difference) for difference in differences if difference.breaking):
            breaks[name] = lines
    return breaks


@dataclass(frozen=True)
class ViewChanges:
    """Changes of the views of one environment on a platform, under a claim."""

    platform: Platform
    environment: Environment
    claim: Claim
    make: Callable[[CreateView], str]  # returns '' or why the view cannot be made

    def reach(self, wanted: Views) -> None:
        """Change the views to the wanted ones; raise PromotionError for the first that cannot be made."""
        now = present(self.platform, self.environment)
        for view in in_order(wanted.values()):
            if not same(view, now.get(view.into.asset)):
                self.claim.hold()
                if message := self.make(view):
                    raise PromotionError(message)
        self._drop(now, wanted)

    def put_back(self, before: Views) -> list[str]:
        """Change the views back as far as possible; return a message for each that cannot be made."""
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
        """Undo interrupted changes and return their records; raise PromotionError if that is not possible.

        The outcomes of the interrupted changes are written before any view is changed, so that a process
        that resumes late cannot end as done. The intent of this claim, with the views to put back, is
        written before that.
        """
        number = self.claim.record.number
        others = [record for record in self.claim.journal.unfinished() if record.number < number]
        begun = [record for record in others if record.state == "started"]
        if begun:
            self.claim.start(begun[-1].before, begun[-1].before)
        text = f"interrupted; undone by {number}"
        over = [record for record in others if self.claim.end_other(record, text)]
        named = " and ".join(f"{record.action} {record.number}" for record in begun or others)
        if over != others:
            self.claim.end("unchanged")
            raise PromotionError(f"{named} has ended in the meantime. Run the command again.")
        if not begun:
            return []
        with self._amending(begun[-1].before):
            stuck = self.put_back(begun[-1].before)
            self.claim.hold()
        if stuck:
            self.claim.release()
            raise PromotionError(
                f"{named} was interrupted, and its changes cannot be undone: {'; '.join(stuck)}"
            )
        return begun

    def change(self, before: Views, after: Views, validate: Callable[[], None], **more: object) -> None:
        """Change the views to ``after`` and validate them; put ``before`` back if anything fails.

        If the views cannot be put back, the record stays without an outcome, so that the next claim tries
        it again.
        """
        self.claim.start(before, after, **more)
        with self._amending(before):
            try:
                self.reach(after)
                self.claim.hold()  # raises if the last change was made after the lease was over
                validate()
            except LeaseLost:
                raise
            except BaseException as reason:  # also an interruption: readers must not see half of the change
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
                f"{reason} NOT undone: {'; '.join(stuck)} Run the command again to undo them."
            ) from reason
        self.claim.end("undone", str(reason) or type(reason).__name__)

    @contextmanager
    def _amending(self, before: Views) -> Iterator[None]:
        """Correct the views if the lease ends while they are being changed."""
        try:
            yield
        except LeaseLost:
            self._amend(before)
            raise

    def _amend(self, before: Views) -> None:
        """Change the views to what the journal says they are.

        A machine that was suspended between checking its lease and changing a view makes the change after
        the lease is over. If another holds the lease now, nothing is changed: that holder repairs.
        """
        for _ in range(ATTEMPTS):
            try:
                self._amend_once(before)
                return
            except LeaseLost:
                continue
            except (PromotionError, PlatformError):
                return  # another holds the lease, or it fails now: the next command repairs

    def _amend_once(self, before: Views) -> None:
        journal, ended = self.claim.journal, self.claim.record
        with journal.claim(ended.action, ended.who) as claim:
            again = replace(self, claim=claim)
            again.repair()
            newest = next((record for record in journal.done() if record.number > ended.number), None)
            wanted = newest.after if newest else before
            claim.start(wanted, wanted)
            if again.put_back(wanted):
                claim.release()
            else:
                claim.end("repaired")


def maker(work: Work) -> Callable[[CreateView], str]:
    """Return a function that makes a view and returns '', or why the view cannot be made."""

    def make(view: CreateView) -> str:
        ticket = work.finish(view)
        return ticket.message if ticket.state == "failed" else ""

    return make
