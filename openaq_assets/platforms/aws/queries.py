"""Views and questions in Athena: each a statement or two, whose ticket says how far it is."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from openaq_assets.errors import PlatformError
from openaq_assets.graph.contracts import compare, pairs
from openaq_assets.graph.operations import CreateView, Query, Ref, from_json, to_json
from openaq_assets.graph.records import Facts
from openaq_assets.platforms import ObjectStore, Rows, Ticket, ticket
from openaq_assets.platforms.aws.athena import Athena, StaleView, description, question, view_statement
from openaq_assets.platforms.aws.glue_catalog import GlueTables
from openaq_assets.platforms.results import KEPT_FAILURES, checked, csv_of, verdict, version_of

MOST_STALE = 20  # views that are made again for one question
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Work:
    """What goes on in the account for an operation: the id of its ticket, as JSON."""

    by: str  # glue, crawler, athena
    operation: str = ""
    run: str = ""
    facts: str = ""
    ours: bool = False
    makes: bool = False  # the view itself, after its columns were found to be right
    healed: int = 0

    def to_json(self) -> str:
        """The id of a ticket."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__})


@dataclass(frozen=True, slots=True)
class Questions:
    """What Athena is asked for an operation, and what becomes of its answers."""

    athena: Athena
    tables: GlueTables
    objects: ObjectStore

    def create_view(self, operation: CreateView) -> Ticket:
        """Its columns are asked for first: a view that breaks its contract never comes to be."""
        if not operation.replace and self.tables.get(operation.into.table):
            message = f"{operation.into.table} is there already"
            return ticket("succeeded", {"": Facts()}, message=message)
        return self._asked(Work("athena", to_json(operation)))

    def query(self, operation: Query) -> Ticket:
        """The question, started."""
        return self._asked(Work("athena", to_json(operation)))

    def _asked(self, work: Work) -> Ticket:
        """The statement of this step, started."""
        operation = from_json(work.operation)
        assert isinstance(operation, CreateView | Query)
        text = question(operation.sql, operation.inputs)
        if work.makes:
            text = view_statement(operation.into.table, text)  # type: ignore[union-attr]
        elif isinstance(operation, CreateView) or operation.expect == "contract":
            text = description(text)
        run = self.athena.start(text)
        return Ticket(replace(work, run=run).to_json(), "running", link=self.athena.link(run))

    def poll(self, work: Work, now: Ticket) -> Ticket:
        """How far it is: as it was, in its next step, or over."""
        operation = from_json(work.operation)
        try:
            if not self.athena.is_over(work.run):
                return now
        except StaleView as stale:
            self._make_again(stale, work.healed)
            return self._asked(replace(work, healed=work.healed + 1))
        if isinstance(operation, Query):
            return replace(self._answered(operation, work.run), link=now.link)
        assert isinstance(operation, CreateView)
        if work.makes:
            _keeps(operation, self.tables.remember(operation))
            return ticket("succeeded", {"": Facts(objects=1)}, link=now.link)
        _keeps(operation, pairs(self.athena.rows(work.run, 0).columns))
        return self._asked(replace(work, makes=True))

    def _answered(self, operation: Query, run: str) -> Ticket:
        if operation.expect == "contract":
            found = compare(pairs(operation.columns), pairs(self.athena.rows(run, 0).columns))
            return verdict(operation, tuple(f"{operation.name}: {one}" for one in found))
        if operation.expect == "no rows":
            return checked(operation, self.athena.rows(run, KEPT_FAILURES))
        rows = self.athena.rows(run)
        if operation.into:
            body = csv_of(rows)
            self.objects.put(f"{operation.into.uri}/{operation.into.asset}.csv", body)
            return ticket("succeeded", {"": Facts(len(rows.rows), len(body), 1, version_of(body))})
        return ticket("succeeded", {"": Facts(len(rows.rows))})

    def read(self, query: Query) -> Rows:
        """The rows of a bound query; raises PlatformError with the engine's own words."""
        return self._at_once(question(query.sql, query.inputs))

    def _at_once(self, text: str, healed: int = 0) -> Rows:
        run = self.athena.start(text)
        try:
            self.athena.wait(run)
        except StaleView as stale:
            self._make_again(stale, healed)
            return self._at_once(text, healed + 1)
        return self.athena.rows(run)

    def _make_again(self, stale: StaleView, healed: int) -> None:
        """A view made from what it was made from, if that still keeps its contract."""
        name = stale.name
        operation = self.tables.view(Ref(name.rpartition(".")[2], "view", table=name))
        if operation is None or healed >= MOST_STALE:
            raise stale
        log.warning("The view %s is stale: a table it reads has changed. It is made again.", name)
        text = question(operation.sql, operation.inputs)
        found = self._at_once(description(text), healed + 1)
        _keeps(operation, pairs(found.columns))
        self.athena.wait(self.athena.start(view_statement(name, text)))
        self.tables.remember(operation)


def _keeps(operation: CreateView, found: Sequence[tuple[str, str]]) -> None:
    """Raises PlatformError if the view's SQL answers with other columns than it promises."""
    differences = compare(pairs(operation.columns), found)
    if differences:
        raise PlatformError(
            f"{operation.into.table}: the SQL does not keep its contract: "
            f"{' '.join(map(str, differences))} Change the columns in YAML, or cast in the SQL."
        )
