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
from typing import Any

from openaq_assets.errors import PlatformError
from openaq_assets.graph.environment import Environment
from openaq_assets.graph.operations import (
    CreateView,
    Load,
    Operation,
    Query,
    Ref,
    Register,
    Table,
    Transform,
    from_json,
    to_json,
)
from openaq_assets.graph.records import Facts
from openaq_assets.platforms import Progress, Rows, Ticket, carry_out, failed_ticket, silent, ticket
from openaq_assets.platforms.aws.athena import FIRST_WAIT, LONGEST_WAIT, Athena
from openaq_assets.platforms.aws.clients import AwsHooks, hooks_of
from openaq_assets.platforms.aws.errors import Unanswered
from openaq_assets.platforms.aws.glue_catalog import GlueTables
from openaq_assets.platforms.aws.glue_jobs import Crawler, GlueJob, JobRun
from openaq_assets.platforms.aws.queries import Questions, Work
from openaq_assets.platforms.aws.s3 import S3Store
from openaq_assets.platforms.aws.settings import aws_of
from openaq_assets.platforms.results import version_of

PATIENCE = 20  # polls that AWS does not answer, one after the other
log = logging.getLogger(__name__)


class AwsPlatform:
    """Carries out bound operations in an AWS account."""

    name = "aws"
    quick_seconds = 20.0

    def __init__(self, environment: Environment, hooks: AwsHooks, progress: Progress) -> None:
        root = environment.root
        self.environment = environment
        self.progress = progress
        self.settings = hooks.settings
        self.objects = S3Store(hooks)
        self.tables = GlueTables(hooks, self.objects)
        self.job = GlueJob(hooks, self.objects, f"{root}/glue-tmp")
        self.crawler = Crawler(hooks)
        self.athena = Athena(hooks, environment.database, f"{root}/athena-results/")
        self.questions = Questions(self.athena, self.tables, self.objects)
        self._unanswered = 0

    def submit(self, operation: Operation) -> Ticket:
        """Start it, or do it if it is quick; a mistake or a refusal is a failed ticket."""
        carry: Mapping[type, Callable[[Any], Ticket]] = {
            Transform: self._transform, Register: self._register, Load: self._load,
            CreateView: self._create_view, Query: self._query,
        }  # fmt: skip
        try:
            return carry_out(self.name, carry, operation)
        except Exception as error:  # whatever it is, the run goes on and says so in one line
            return failed_ticket(error)

    def poll(self, ticket: Ticket) -> Ticket:
        """The ticket as it is now. What AWS does not answer for a while goes on all the same."""
        polls: Mapping[str, Callable[[Work, Ticket], Ticket]] = {
            "glue": self._poll_job, "crawler": self._poll_crawl, "athena": self.questions.poll,
        }  # fmt: skip
        if ticket.state != "running":
            return ticket
        try:
            work = Work(**json.loads(ticket.id))
            found = polls[work.by](work, ticket)
        except Unanswered as error:
            self._unanswered += 1
            log.warning("%s", error)
            return ticket if self._unanswered <= PATIENCE else failed_ticket(error)
        except Exception as error:
            return failed_ticket(error, ticket.link)
        self._unanswered = 0
        return found

    def cancel(self, ticket: Ticket) -> None:
        """Stop what goes on; a crawl only if it was started here. A ticket that is over stays as it is."""
        if ticket.state != "running":
            return
        work = Work(**json.loads(ticket.id))
        if work.by == "glue":
            self.job.stop(JobRun(work.run, work.facts))
        elif work.by == "athena":
            self.athena.stop(work.run)
        elif work.ours:
            self.crawler.stop()

    # --- days

    def _transform(self, operation: Transform) -> Ticket:
        if self.settings.transform == "local":
            from openaq_assets.platforms.transform.days import transformed

            return ticket("succeeded", transformed(self.objects, operation, self.progress))
        run = self.job.start(operation)
        work = Work("glue", run=run.id, facts=run.facts)
        return Ticket(work.to_json(), "running", link=self.job.link(run))

    def _poll_job(self, work: Work, now: Ticket) -> Ticket:
        facts = self.job.facts(JobRun(work.run, work.facts))
        return now if facts is None else ticket("succeeded", facts, link=now.link)

    # --- tables

    def _load(self, operation: Load) -> Ticket:
        from openaq_assets.platforms.transform.csv import read_csv
        from openaq_assets.platforms.transform.reference_decoder import parquet

        try:
            table = read_csv(operation.csv, operation.columns)
        except ValueError as error:
            raise PlatformError(f"the CSV of {operation.into.asset}, {error}") from None
        body = parquet(table)
        self.objects.put(f"{operation.into.uri}/part-0.parquet", body)
        self.tables.conform(Table(operation.into, operation.columns, False))
        return ticket("succeeded", {"": Facts(table.height, len(body), 1, version_of(body))})

    def _register(self, operation: Register) -> Ticket:
        """A crawl costs money: there is one only where it has something to find."""
        if self.settings.catalog == "crawler" and self._missing(operation):
            return self._crawl(operation)
        return self._registered(operation)

    def _missing(self, operation: Register) -> tuple[str, ...]:
        return tuple(one for table in operation.tables for one in self.tables.missing(table))

    def _crawl(self, operation: Register) -> Ticket:
        work = Work("crawler", to_json(operation), ours=self.crawler.start())
        return Ticket(work.to_json(), "running", link=self.crawler.link())

    def _poll_crawl(self, work: Work, now: Ticket) -> Ticket:
        operation = from_json(work.operation)
        assert isinstance(operation, Register)
        outcome, who = self.crawler.outcome(), f"the crawler {self.crawler.name}"
        if outcome is None:
            return now
        missing = self._missing(operation)
        if missing and not work.ours:  # the crawl that was going had looked there already, or failed
            return self._crawl(operation)
        if missing and outcome:
            remedy = "Its log says more; 'catalog: partitions' needs no crawler."
            raise PlatformError(f"{who} failed: {outcome}. {remedy}", retryable=True)
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            remedy = "Correct its S3 target and grouping (docs/aws.md), or set 'catalog: partitions'."
            raise PlatformError(f"{who} left out {missing[0]}{more}. {remedy}")
        return replace(self._registered(operation), link=now.link)

    def _registered(self, operation: Register) -> Ticket:
        """What a crawl infers from files is made what the contract says."""
        for table in operation.tables:
            self.tables.conform(table)
        return ticket("succeeded", {"": Facts(objects=len(operation.tables))})

    # --- views and questions

    def _create_view(self, operation: CreateView) -> Ticket:
        return self._soon(self.questions.create_view(operation))

    def _query(self, operation: Query) -> Ticket:
        return self._soon(self.questions.query(operation))

    def _soon(self, now: Ticket) -> Ticket:
        """The ticket once it is over, or as it is after a while: most queries take a second."""
        end, pause = time.monotonic() + self.quick_seconds, FIRST_WAIT
        try:
            while (now := self.poll(now)).state == "running" and time.monotonic() < end:
                time.sleep(pause)
                pause = min(pause * 1.5, LONGEST_WAIT)
        except (KeyboardInterrupt, SystemExit):
            self.cancel(now)
            raise
        return now

    def read(self, query: Query) -> Rows:
        """The rows of a bound query; raises PlatformError with the engine's own words."""
        return self.questions.read(query)

    def view(self, at: Ref) -> CreateView | None:
        """What a view is now; None if it is not there."""
        return self.tables.view(at)

    def drop_view(self, at: Ref) -> None:
        """Forget a view; nothing happens if it is not there."""
        self.tables.drop_view(at)

    def views(self, database: str) -> tuple[str, ...]:
        """The names of the views in a database, in order."""
        return self.tables.views(database)


def open_aws(environment: Environment, progress: Progress = silent) -> AwsPlatform:
    """The platform of the ``aws`` profile; raises PlatformError if its root is not in S3."""
    if not re.match(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/|\Z)", environment.root):
        raise PlatformError(
            f"the root of the profile is {environment.root!r}, which is not in S3. "
            "Set OPENAQ_ROOT=s3://<bucket>."
        )
    return AwsPlatform(environment, hooks_of(aws_of(environment.profile)), progress)
