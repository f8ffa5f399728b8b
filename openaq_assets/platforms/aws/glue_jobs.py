"""The Glue job, which carries out a Transform, and the crawler: start, find again, poll and stop them."""

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openaq_assets.errors import PlatformError
from openaq_assets.graph.operations import Transform, digest, to_json
from openaq_assets.graph.records import Facts
from openaq_assets.platforms import ObjectStore
from openaq_assets.platforms.aws.clients import AwsHooks
from openaq_assets.platforms.aws.errors import ask

# The longest argument of a job is not documented; a longer one is passed as an object.
ARGUMENT_CHARACTERS = 6000
_RECENT = 50  # how many of the latest runs are compared with the operation
_BEING_DONE = ("STARTING", "RUNNING", "WAITING")
# Exceptions of the script about the data, which a retry does not help.
_OF_DATA = re.compile(r"\b(RowsDoNotFit|NewFields): ")


@dataclass(frozen=True, slots=True)
class GlueJob:
    """The Glue job ``openaq_raw_to_dev``; its operations, facts and temporary files lie below ``folder``."""

    hooks: AwsHooks
    objects: ObjectStore
    folder: str

    @property
    def name(self) -> str:
        """Return the name of the job."""
        return self.hooks.settings.job

    def start(self, operation: Transform) -> tuple[str, str]:
        """Return the id of a run of the operation and the URI of its facts.

        The run is a new one, or one that is going on already: its worker may have been killed.
        """
        wanted = self._operation(to_json(operation))
        if running := self._running(wanted):
            return running
        facts = f"{self.folder}/facts/{uuid.uuid4().hex}.json"
        arguments = {**wanted, "--facts-uri": facts, "--TempDir": f"{self.folder}/staging"}
        answer = ask(
            f"start the Glue job {self.name}",
            self.hooks.glue.start_job_run,
            JobName=self.name,
            Arguments=arguments,
            JobRunQueuingEnabled=True,
        )
        return answer["JobRunId"], facts

    def _operation(self, operation: str) -> dict[str, str]:
        """Return the argument that holds the operation, or the URI of an object that does."""
        if len(operation) <= ARGUMENT_CHARACTERS and operation.isascii():
            return {"--operation": operation}
        uri = f"{self.folder}/operations/{digest(operation)}.json"
        self.objects.put(uri, operation.encode())
        return {"--operation-uri": uri}

    def _running(self, wanted: Mapping[str, str]) -> tuple[str, str] | None:
        what = f"list the runs of the Glue job {self.name}"
        answer = ask(what, self.hooks.glue.get_job_runs, JobName=self.name, MaxResults=_RECENT)
        for run in answer["JobRuns"]:
            given = run.get("Arguments", {})
            same = wanted.items() <= given.items()
            if same and run["JobRunState"] in _BEING_DONE and "--facts-uri" in given:
                return run["Id"], given["--facts-uri"]
        return None

    def facts(self, run: str, uri: str) -> Mapping[str, Facts] | None:
        """Return the facts by day; None while the run goes on. Raise PlatformError if it has failed."""
        status = self._status(run)
        if status["JobRunState"] in (*_BEING_DONE, "STOPPING"):
            return None
        if status["JobRunState"] != "SUCCEEDED":
            raise self._failure(run, status)
        try:
            days = json.loads(self.objects.get(uri))
        except (FileNotFoundError, ValueError):
            text = f"{self._run(run)} wrote no result. Run it again."
            raise PlatformError(text, retryable=True) from None
        return {day: Facts.of(facts) for day, facts in days.items()}

    def _run(self, run: str) -> str:
        return f"the run {run} of the Glue job {self.name}"

    def _status(self, run: str) -> Mapping[str, Any]:
        what, get = f"ask how {self._run(run)} stands", self.hooks.glue.get_job_run
        answer = ask(what, get, "EntityNotFoundException", JobName=self.name, RunId=run)
        if answer is None:
            raise PlatformError(f"{self._run(run)} no longer exists. Run it again.", retryable=True)
        status: Mapping[str, Any] = answer["JobRun"]
        return status

    def _failure(self, run: str, status: Mapping[str, Any]) -> PlatformError:
        state, name = status["JobRunState"], self._run(run)
        message = " ".join(str(status.get("ErrorMessage", "")).split())[:400]
        if state == "TIMEOUT":
            minutes = f" after {status['Timeout']} minutes" if status.get("Timeout") else ""
            remedy = "Run fewer days at once, or raise the job's time-out."
            return PlatformError(f"{name} was ended by its time-out{minutes}. {remedy}")
        if state == "STOPPED":
            return PlatformError(f"{name} was stopped. Run it again.")
        if of_data := _OF_DATA.search(message):
            return PlatformError(message[of_data.end() :])
        remedy = "It is tried again automatically; see its log." if state != "FAILED" else "See its log."
        return PlatformError(f"{name} failed: {message or state}. {remedy}", retryable=True)

    def stop(self, run: str) -> None:
        """Stop a run if it goes on; raise PlatformError if Glue does not stop it."""
        call = self.hooks.glue.batch_stop_job_run
        answer = ask(f"stop {self._run(run)}", call, JobName=self.name, JobRunIds=[run])
        if answer.get("Errors") and self._status(run)["JobRunState"] in _BEING_DONE:
            reason = answer["Errors"][0].get("ErrorDetail", {}).get("ErrorMessage", "no reason given")
            raise PlatformError(f"cannot stop {self._run(run)}: {reason}.")

    def link(self, run: str) -> str:
        """Return the page of a run in the AWS console."""
        return self.hooks.console(f"/gluestudio/home?region={{0}}#/job/{self.name}/run/{run}")


@dataclass(frozen=True, slots=True)
class Crawler:
    """The crawler over the processed tables."""

    hooks: AwsHooks

    @property
    def name(self) -> str:
        """Return the name of the crawler."""
        return self.hooks.settings.crawler

    def start(self) -> bool:
        """Start a crawl; return False if one is going on, which may have missed the newest files."""
        call = self.hooks.glue.start_crawler
        answer = ask(f"start the crawler {self.name}", call, "CrawlerRunningException", Name=self.name)
        return answer is not None

    def outcome(self) -> str | None:
        """Return None while a crawl goes on; afterwards why it failed, or '' if it succeeded."""
        what = f"ask how the crawler {self.name} stands"
        status = ask(what, self.hooks.glue.get_crawler, Name=self.name)["Crawler"]
        if status["State"] != "READY":
            return None
        last = status.get("LastCrawl", {})
        message = " ".join(str(last.get("ErrorMessage", "")).split()) or "no reason given"
        return message if last.get("Status") in ("FAILED", "CANCELLED") else ""

    def stop(self) -> None:
        """Stop the crawl that goes on, if any."""
        over = ("CrawlerNotRunningException", "CrawlerStoppingException")
        ask(f"stop the crawler {self.name}", self.hooks.glue.stop_crawler, *over, Name=self.name)

    def link(self) -> str:
        """Return the page of the crawler in the AWS console."""
        return self.hooks.console(f"/glue/home?region={{0}}#/v2/data-catalog/crawlers/view/{self.name}")
