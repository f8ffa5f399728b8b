"""A Transform as a run of the Glue job, and the crawler: started, found again, and asked how they stand."""

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from openaq_assets.errors import PlatformError
from openaq_assets.graph.operations import Transform, digest, to_json
from openaq_assets.graph.records import Facts
from openaq_assets.platforms import ObjectStore
from openaq_assets.platforms.aws.clients import AwsHooks
from openaq_assets.platforms.aws.errors import asking, code_of

# What an argument of a job may hold is not documented: what is longer goes as an object.
ARGUMENT_CHARACTERS = 6000
_RECENT = 50  # the runs looked at for one that does the same
_GOING = ("STARTING", "RUNNING", "WAITING", "STOPPING")
_BEING_DONE = ("STARTING", "RUNNING", "WAITING")
# What the script raises when the data are not as promised: the same again tomorrow.
_OF_DATA = re.compile(r"\b(RowsDoNotFit|NewFields): ")


@dataclass(frozen=True, slots=True)
class JobRun:
    """A run of the job, and where it puts its facts."""

    id: str
    facts: str


@dataclass(frozen=True, slots=True)
class GlueJob:
    """The Glue job ``openaq_raw_to_dev``. What it needs besides the operation lies below ``aside``."""

    hooks: AwsHooks
    objects: ObjectStore
    aside: str

    @property
    def name(self) -> str:
        return self.hooks.settings.job

    def start(self, operation: Transform) -> JobRun:
        """Start a run, or find one that is doing just this: its worker may have been killed."""
        asked = self._asked(to_json(operation))
        if found := self._going(asked):
            return found
        facts = f"{self.aside}/facts/{uuid.uuid4().hex}.json"
        arguments = {**asked, "--facts-uri": facts, "--TempDir": f"{self.aside}/staging"}
        with asking(f"start the Glue job {self.name}"):
            answer = self.hooks.jobs.conn.start_job_run(
                JobName=self.name, Arguments=arguments, JobRunQueuingEnabled=True
            )
        return JobRun(answer["JobRunId"], facts)

    def _asked(self, operation: str) -> dict[str, str]:
        """The operation as an argument, or as the object that holds it."""
        if len(operation) <= ARGUMENT_CHARACTERS and operation.isascii():
            return {"--operation": operation}
        uri = f"{self.aside}/operations/{digest(operation)}.json"
        self.objects.put(uri, operation.encode())
        return {"--operation-uri": uri}

    def _going(self, asked: Mapping[str, str]) -> JobRun | None:
        with asking(f"list the runs of the Glue job {self.name}"):
            answer = self.hooks.jobs.conn.get_job_runs(JobName=self.name, MaxResults=_RECENT)
        for run in answer["JobRuns"]:
            given = run.get("Arguments", {})
            same = all(given.get(name) == value for name, value in asked.items())
            if same and run["JobRunState"] in _BEING_DONE and "--facts-uri" in given:
                return JobRun(run["Id"], given["--facts-uri"])
        return None

    def facts(self, run: JobRun) -> Mapping[str, Facts] | None:
        """What is true of each day now; None while it runs. Raises PlatformError if it ended otherwise."""
        found = self._run(run)
        if found["JobRunState"] in _GOING:
            return None
        if found["JobRunState"] != "SUCCEEDED":
            raise self._failure(run, found)
        try:
            told = json.loads(self.objects.get(run.facts))
        except (FileNotFoundError, ValueError):
            text = f"the run {run.id} of the Glue job {self.name} left no facts. Run it again."
            raise PlatformError(text, retryable=True) from None
        return {day: Facts.of(one) for day, one in told.items()}

    def _run(self, run: JobRun) -> Mapping[str, Any]:
        with asking(f"ask how the run {run.id} of the Glue job {self.name} stands"):
            try:
                answer = self.hooks.jobs.conn.get_job_run(JobName=self.name, RunId=run.id)
            except ClientError as error:
                if code_of(error) != "EntityNotFoundException":
                    raise
                text = f"the run {run.id} of the Glue job {self.name} is gone. Run it again."
                raise PlatformError(text, retryable=True) from None
        found: Mapping[str, Any] = answer["JobRun"]
        return found

    def _failure(self, run: JobRun, found: Mapping[str, Any]) -> PlatformError:
        state = found["JobRunState"]
        who = f"the run {run.id} of the Glue job {self.name}"
        said = " ".join(str(found.get("ErrorMessage", "")).split())[:400]
        if state == "TIMEOUT":
            minutes = f" after {found['Timeout']} minutes" if found.get("Timeout") else ""
            remedy = "Run fewer days at once, or raise the job's time-out."
            return PlatformError(f"{who} was ended by its time-out{minutes}. {remedy}")
        if state == "STOPPED":
            return PlatformError(f"{who} was stopped. Run it again.")
        if of_data := _OF_DATA.search(said):
            return PlatformError(said[of_data.start() :].partition(": ")[2])
        remedy = "It is tried again; its log says more." if state != "FAILED" else "Its log says more."
        return PlatformError(f"{who} failed: {said or state}. {remedy}", retryable=True)

    def stop(self, run: JobRun) -> None:
        """Stop it if it runs; raises PlatformError if Glue will not."""
        with asking(f"stop the run {run.id} of the Glue job {self.name}"):
            answer = self.hooks.jobs.conn.batch_stop_job_run(JobName=self.name, JobRunIds=[run.id])
        if answer.get("Errors") and self._run(run)["JobRunState"] in _BEING_DONE:
            said = answer["Errors"][0].get("ErrorDetail", {}).get("ErrorMessage", "no reason given")
            raise PlatformError(f"cannot stop the run {run.id} of the Glue job {self.name}: {said}.")

    def link(self, run: JobRun) -> str:
        """Where a person sees it."""
        path = f"/gluestudio/home?region={{0}}#/job/{self.name}/run/{run.id}"
        return self.hooks.console(path)


@dataclass(frozen=True, slots=True)
class Crawler:
    """The crawler over the processed tables."""

    hooks: AwsHooks

    @property
    def name(self) -> str:
        return self.hooks.settings.crawler

    def start(self) -> bool:
        """Start a crawl; False if one is going already: it may have looked before our files came."""
        with asking(f"start the crawler {self.name}"):
            try:
                self.hooks.crawlers.start_crawler(self.name)
            except ClientError as error:
                if code_of(error) == "CrawlerRunningException":
                    return False
                raise
        return True

    def outcome(self) -> str | None:
        """None while a crawl is going; then why the last one failed, or '' if it did not."""
        with asking(f"ask how the crawler {self.name} stands"):
            found = self.hooks.crawlers.get_crawler(self.name)
        if found["State"] != "READY":
            return None
        last = found.get("LastCrawl", {})
        said = " ".join(str(last.get("ErrorMessage", "")).split()) or "no reason given"
        return said if last.get("Status") in ("FAILED", "CANCELLED") else ""

    def stop(self) -> None:
        """Stop the crawl that is going."""
        with asking(f"stop the crawler {self.name}"):
            try:
                self.hooks.crawlers.conn.stop_crawler(Name=self.name)
            except ClientError as error:
                if code_of(error) not in ("CrawlerNotRunningException", "CrawlerStoppingException"):
                    raise

    def link(self) -> str:
        """Where a person sees it."""
        path = f"/glue/home?region={{0}}#/v2/data-catalog/crawlers/view/{self.name}"
        return self.hooks.console(path)
