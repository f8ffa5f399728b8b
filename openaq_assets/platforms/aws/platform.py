"""The platform of an AWS account: objects in S3, Glue for days and the catalog, Athena for SQL.

The id of a ticket describes the work in the account (a run of the Glue job, a crawl, a query), so that any
process can poll it. No state is kept in this process.
"""

import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace

from openaq_assets.errors import PlatformError
from openaq_assets.graph import operations
from openaq_assets.graph.environment import Environment
from openaq_assets.graph.operations import CreateView, Query, Ref, Register, Table, Transform
from openaq_assets.graph.records import Facts
from openaq_assets.platforms import Progress, Rows, Ticket, failed_ticket, results, silent, ticket
from openaq_assets.platforms.aws import athena
from openaq_assets.platforms.aws.clients import AwsHooks, hooks_of
from openaq_assets.platforms.aws.errors import Unanswered
from openaq_assets.platforms.aws.glue_catalog import GlueTables
from openaq_assets.platforms.aws.glue_jobs import Crawler, GlueJob
from openaq_assets.platforms.aws.s3 import S3Store
from openaq_assets.platforms.aws.settings import aws_of
from openaq_assets.platforms.base import BasePlatform

PATIENCE = 20  # polls in a row that AWS does not answer
MOST_STALE = 20  # views that are made again for one query
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Work:
    """The work in the account for an operation; as JSON, the id of its ticket."""

    by: str  # glue, crawler, athena
    operation: str = ""
    run: str = ""
    facts: str = ""
    ours: bool = False
    makes: bool = False  # whether the view is being made, after its columns were checked
    healed: int = 0

    def to_json(self) -> str:
        """Return the work as JSON, the id of its ticket."""
        return json.dumps(asdict(self))


class AwsPlatform(BasePlatform):
    """The platform ``aws``: carries out bound operations in an AWS account."""

    name = "aws"
    quick_seconds = 20.0

    def __init__(self, environment: Environment, hooks: AwsHooks, progress: Progress) -> None:
        super().__init__(environment, S3Store(hooks), progress)
        root = environment.root
        self.settings = hooks.settings
        self.tables = GlueTables(hooks, self.objects)
        self.job = GlueJob(hooks, self.objects, f"{root}/glue-tmp")
        self.crawler = Crawler(hooks)
        self.athena = athena.Athena(hooks, environment.database, f"{root}/athena-results/")
        self.view, self.drop_view, self.views = self.tables.view, self.tables.drop_view, self.tables.views
        self._unanswered = 0

    def poll(self, ticket: Ticket) -> Ticket:
        """Return the ticket with its present state, unchanged if AWS does not answer for a while."""
        polls: Mapping[str, Callable[[Work, Ticket], Ticket]] = {
            "glue": self._poll_job,
            "crawler": self._poll_crawl,
            "athena": self._poll_query,
        }
        if ticket.state != "running":
            return ticket
        try:
            work = Work(**json.loads(ticket.id))
            now = polls[work.by](work, ticket)
        except Unanswered as error:
            self._unanswered += 1
            log.warning("%s", error)
            return ticket if self._unanswered <= PATIENCE else failed_ticket(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the ticket fails and the run goes on
            return failed_ticket(error, ticket.link)
        self._unanswered = 0
        return now

    def cancel(self, ticket: Ticket) -> None:
        """Stop the work of a running ticket; a crawl only if it was started for this ticket."""
        if ticket.state != "running":
            return
        work = Work(**json.loads(ticket.id))
        if work.by == "glue":
            self.job.stop(work.run)
        elif work.by == "athena":
            self.athena.stop(work.run)
        elif work.ours:
            self.crawler.stop()

    # --- days

    def _transform(self, operation: Transform) -> Ticket:
        if self.settings.transform == "local":
            return super()._transform(operation)
        run, facts = self.job.start(operation)
        return Ticket(Work("glue", run=run, facts=facts).to_json(), "running", link=self.job.link(run))

    def _poll_job(self, work: Work, now: Ticket) -> Ticket:
        facts = self.job.facts(work.run, work.facts)
        return now if facts is None else ticket("succeeded", facts, link=now.link)

    # --- tables

    def _conform(self, table: Table) -> None:
        self.tables.conform(table)

    def _register(self, operation: Register) -> Ticket:
        """Start a crawl, which costs money, only if there are files to register.

        The types that it infers from files are then replaced by the declared ones.
        """
        if self.settings.catalog == "crawler" and self._missing(operation):
            return self._crawl(operation)
        return super()._register(operation)

    def _missing(self, operation: Register) -> tuple[str, ...]:
        return tuple(name for table in operation.tables for name in self.tables.missing(table))

    def _crawl(self, operation: Register) -> Ticket:
        work = Work("crawler", operations.to_json(operation), ours=self.crawler.start())
        return Ticket(work.to_json(), "running", link=self.crawler.link())

    def _poll_crawl(self, work: Work, now: Ticket) -> Ticket:
        operation = operations.from_json(work.operation)
        assert isinstance(operation, Register)
        outcome, crawler = self.crawler.outcome(), f"the crawler {self.crawler.name}"
        if outcome is None:
            return now
        missing = self._missing(operation)
        if missing and not work.ours:  # an earlier crawl missed the newest files, or failed
            return self._crawl(operation)
        if missing and outcome:
            remedy = "See its log, or set 'catalog: partitions', which needs no crawler."
            raise PlatformError(f"{crawler} failed: {outcome}. {remedy}", retryable=True)
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            remedy = "Correct its S3 target and grouping (docs/how-to/aws.md), or set 'catalog: partitions'."
            raise PlatformError(f"{crawler} did not add {missing[0]}{more}. {remedy}")
        return replace(super()._register(operation), link=now.link)

    # --- views and queries

    def _create_view(self, operation: CreateView) -> Ticket:
        """Check the columns of the view first, so that a view with other columns is never made."""
        if not operation.replace and self.tables.get(operation.into.table):
            return ticket("succeeded", {"": Facts()}, message=f"{operation.into.table} already exists")
        return self._query(operation)

    def _query(self, operation: CreateView | Query) -> Ticket:
        """Start a query, or the check of the columns of a view; return its ticket."""
        return self._soon(self._started(Work("athena", operations.to_json(operation))))

    def _soon(self, now: Ticket) -> Ticket:
        """Return the ticket when it has ended, or after ``quick_seconds``: most queries take a second."""
        end, waits = time.monotonic() + self.quick_seconds, athena.pauses()
        try:
            while (now := self.poll(now)).state == "running" and time.monotonic() < end:
                time.sleep(next(waits))
        except (KeyboardInterrupt, SystemExit):
            self.cancel(now)
            raise
        return now

    def _started(self, work: Work) -> Ticket:
        """Start the statement of this step; return its ticket."""
        operation = operations.from_json(work.operation)
        assert isinstance(operation, CreateView | Query)
        text = athena.full_query(operation.sql, operation.inputs)
        if work.makes:
            text = athena.view_statement(operation.into.table, text)  # type: ignore[union-attr]  # only a view is made
        elif isinstance(operation, CreateView) or operation.expect == "contract":
            text = athena.description(text)
        run = self.athena.start(text)
        return Ticket(replace(work, run=run).to_json(), "running", link=self.athena.link(run))

    def _poll_query(self, work: Work, now: Ticket) -> Ticket:
        """Return the ticket: unchanged, of the next step, or finished."""
        operation = operations.from_json(work.operation)
        try:
            if not self.athena.is_over(work.run):
                return now
        except athena.StaleView as stale:
            self._make_again(stale, work.healed)
            return self._started(replace(work, healed=work.healed + 1))
        if isinstance(operation, Query):
            return replace(self._answered(operation, work.run), link=now.link)
        assert isinstance(operation, CreateView)
        if work.makes:
            results.require_contract(operation, self.tables.remember(operation))
            return ticket("succeeded", {"": Facts(objects=1)}, link=now.link)
        results.require_contract(operation, self.athena.columns(work.run))
        return self._started(replace(work, makes=True))

    def _answered(self, operation: Query, run: str) -> Ticket:
        if operation.expect == "contract":
            return results.contract_checked(operation, self.athena.columns(run))
        most = results.KEPT_FAILURES if operation.expect == "no rows" else None
        return results.answered(operation, self.athena.rows(run, most), self.objects)

    def read(self, query: Query) -> Rows:
        """Return the rows of a bound query; raise PlatformError with the engine's message."""
        return self.athena.rows(self._done(athena.full_query(query.sql, query.inputs), healed=0))

    def _done(self, text: str, healed: int) -> str:
        """Run a statement and return its id; make a stale view in it again."""
        run = self.athena.start(text)
        try:
            self.athena.wait(run)
        except athena.StaleView as stale:
            self._make_again(stale, healed)
            return self._done(text, healed + 1)
        return run

    def _make_again(self, stale: athena.StaleView, healed: int) -> None:
        """Make a stale view again from its SQL, if that still has the declared columns."""
        name = stale.name
        operation = self.tables.view(Ref(name.rpartition(".")[2], "view", table=name))
        if operation is None or healed >= MOST_STALE:
            raise stale
        log.warning("The view %s is stale: a table it reads has changed. It is created again.", name)
        text = athena.full_query(operation.sql, operation.inputs)
        described = self._done(athena.description(text), healed + 1)
        results.require_contract(operation, self.athena.columns(described))
        self.athena.wait(self.athena.start(athena.view_statement(name, text)))
        self.tables.remember(operation)


def open_aws(environment: Environment, progress: Progress = silent) -> AwsPlatform:
    """Return the platform of the ``aws`` profile; raise PlatformError if its root is not in S3."""
    if not re.match(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/|\Z)", environment.root):
        text = f"the root of the profile is {environment.root!r}, which is not in S3."
        raise PlatformError(f"{text} Set OPENAQ_ROOT=s3://<bucket>.")
    return AwsPlatform(environment, hooks_of(aws_of(environment.profile)), progress)
