"""Everything in an AWS account: objects in S3, Glue for days and the catalog, Athena for SQL.

What goes on there is a ticket whose id says what it is, so that any process can go on polling it: a
run of the Glue job, a crawl, a query. Nothing is kept here.
"""

import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from openaq_assets.errors import PlatformError
from openaq_assets.graph.environment import Environment
from openaq_assets.graph.operations import CreateView, Query, Register, Table, Transform, from_json, to_json
from openaq_assets.platforms import Progress, Ticket, failed_ticket, silent, ticket
from openaq_assets.platforms.aws.athena import Athena, Questions, Work, pauses
from openaq_assets.platforms.aws.clients import AwsHooks, hooks_of
from openaq_assets.platforms.aws.errors import Unanswered
from openaq_assets.platforms.aws.glue_catalog import GlueTables
from openaq_assets.platforms.aws.glue_jobs import Crawler, GlueJob
from openaq_assets.platforms.aws.s3 import S3Store
from openaq_assets.platforms.aws.settings import aws_of
from openaq_assets.platforms.base import BasePlatform

PATIENCE = 20  # polls that AWS does not answer, one after the other
log = logging.getLogger(__name__)


class AwsPlatform(BasePlatform):
    """Carries out bound operations in an AWS account."""

    name = "aws"
    quick_seconds = 20.0

    def __init__(self, environment: Environment, hooks: AwsHooks, progress: Progress) -> None:
        super().__init__(environment, S3Store(hooks), progress)
        root = environment.root
        self.settings = hooks.settings
        self.tables = GlueTables(hooks, self.objects)
        self.job = GlueJob(hooks, self.objects, f"{root}/glue-tmp")
        self.crawler = Crawler(hooks)
        self.athena = Athena(hooks, environment.database, f"{root}/athena-results/")
        self.questions = Questions(self.athena, self.tables, self.objects)
        self.read = self.questions.read
        self.view, self.drop_view, self.views = self.tables.view, self.tables.drop_view, self.tables.views
        self._unanswered = 0

    def poll(self, ticket: Ticket) -> Ticket:
        """Return the ticket as it is now. What AWS does not answer for a while goes on all the same."""
        polls: Mapping[str, Callable[[Work, Ticket], Ticket]] = {
            "glue": self._poll_job, "crawler": self._poll_crawl, "athena": self.questions.poll,
        }  # fmt: skip
        if ticket.state != "running":
            return ticket
        try:
            work = Work(**json.loads(ticket.id))
            now = polls[work.by](work, ticket)
        except Unanswered as error:
            self._unanswered += 1
            log.warning("%s", error)
            return ticket if self._unanswered <= PATIENCE else failed_ticket(error)
        except Exception as error:
            return failed_ticket(error, ticket.link)
        self._unanswered = 0
        return now

    def cancel(self, ticket: Ticket) -> None:
        """Stop what goes on; a crawl only if it was started here. A ticket that is over stays as it is."""
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
        """Start a crawl, which costs money, only where it has something to find.

        What it infers from files is then made what the contract says.
        """
        if self.settings.catalog == "crawler" and self._missing(operation):
            return self._crawl(operation)
        return super()._register(operation)

    def _missing(self, operation: Register) -> tuple[str, ...]:
        return tuple(name for table in operation.tables for name in self.tables.missing(table))

    def _crawl(self, operation: Register) -> Ticket:
        work = Work("crawler", to_json(operation), ours=self.crawler.start())
        return Ticket(work.to_json(), "running", link=self.crawler.link())

    def _poll_crawl(self, work: Work, now: Ticket) -> Ticket:
        operation = from_json(work.operation)
        assert isinstance(operation, Register)
        outcome, crawler = self.crawler.outcome(), f"the crawler {self.crawler.name}"
        if outcome is None:
            return now
        missing = self._missing(operation)
        if missing and not work.ours:  # the crawl that was going had looked there already, or failed
            return self._crawl(operation)
        if missing and outcome:
            remedy = "Its log says more; 'catalog: partitions' needs no crawler."
            raise PlatformError(f"{crawler} failed: {outcome}. {remedy}", retryable=True)
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            remedy = "Correct its S3 target and grouping (docs/aws.md), or set 'catalog: partitions'."
            raise PlatformError(f"{crawler} left out {missing[0]}{more}. {remedy}")
        return replace(super()._register(operation), link=now.link)

    # --- views and questions

    def _create_view(self, operation: CreateView) -> Ticket:
        return self._soon(self.questions.create_view(operation))

    def _query(self, operation: Query) -> Ticket:
        return self._soon(self.questions.query(operation))

    def _soon(self, now: Ticket) -> Ticket:
        """Return the ticket once it is over, or as it is after a while: most queries take a second."""
        end, waits = time.monotonic() + self.quick_seconds, pauses()
        try:
            while (now := self.poll(now)).state == "running" and time.monotonic() < end:
                time.sleep(next(waits))
        except (KeyboardInterrupt, SystemExit):
            self.cancel(now)
            raise
        return now


def open_aws(environment: Environment, progress: Progress = silent) -> AwsPlatform:
    """Return the platform of the ``aws`` profile; raise PlatformError if its root is not in S3."""
    if not re.match(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/|\Z)", environment.root):
        raise PlatformError(
            f"the root of the profile is {environment.root!r}, which is not in S3. "
            "Set OPENAQ_ROOT=s3://<bucket>."
        )
    return AwsPlatform(environment, hooks_of(aws_of(environment.profile)), progress)
