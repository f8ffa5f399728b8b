"""A Transform as a run of the Glue job, and the crawler: started, found again, and asked how they stand."""

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

# What an argument of a job may hold is not documented: what is longer goes as an object.
ARGUMENT_CHARACTERS = 6000
_RECENT = 50  # the runs looked at for one that does the same
_BEING_DONE = ("STARTING", "RUNNING", "WAITING")
# What the script raises when the data are not as promised: the same again tomorrow.
_OF_DATA = re.compile(r"\b(RowsDoNotFit|NewFields): ")


@dataclass(frozen=True, slots=True)
class GlueJob:
    """The Glue job ``openaq_raw_to_dev``. What it needs besides the operation lies below ``folder``."""

    hooks: AwsHooks
    objects: ObjectStore
    folder: str

    @property
    def name(self) -> str:
        return self.hooks.settings.job

    def start(self, operation: Transform) -> tuple[str, str]:
        """Return the id of a run and the URI of its facts.

        It is a new one, or one that is doing just this: its worker may have been killed.
        """
        wanted = self._operation(to_json(operation))
        if running := self._running(wanted):
            return running
        facts = f"{self.folder}/facts/{uuid.uuid4().hex}.json"
        arguments = {**wanted, "--facts-uri": facts, "--TempDir": f"{self.folder}/staging"}
        answer = ask(
            f"start the Glue job {self.name}", self.hooks.glue.start_job_run,
            JobName=self.name, Arguments=arguments, JobRunQueuingEnabled=True,
        )  # fmt: skip
        return answer["JobRunId"], facts

    def _operation(self, operation: str) -> dict[str, str]:
        """Return the operation as an argument, or as the object that holds it."""
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
        """Return what is true of each day now; None while it runs. Raise PlatformError if it failed."""
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
        """Stop it if it runs; raise PlatformError if Glue will not."""
        call = self.hooks.glue.batch_stop_job_run
        answer = ask(f"stop {self._run(run)}", call, JobName=self.name, JobRunIds=[run])
        if answer.get("Errors") and self._status(run)["JobRunState"] in _BEING_DONE:
            reason = answer["Errors"][0].get("ErrorDetail", {}).get("ErrorMessage", "no reason given")
            raise PlatformError(f"cannot stop {self._run(run)}: {reason}.")

    def link(self, run: str) -> str:
        """Return where a person sees it."""
        return self.hooks.console(f"/gluestudio/home?region={{0}}#/job/{self.name}/run/{run}")


@dataclass(frozen=True, slots=True)
class Crawler:
    """The crawler over the processed tables."""

    hooks: AwsHooks

    @property
    def name(self) -> str:
        return self.hooks.settings.crawler

    def start(self) -> bool:
        """Start a crawl; False if one is going already: it may have looked before our files came."""
        call = self.hooks.glue.start_crawler
        answer = ask(f"start the crawler {self.name}", call, "CrawlerRunningException", Name=self.name)
        return answer is not None

    def outcome(self) -> str | None:
        """Return None while a crawl is going; then why the last one failed, or '' if it did not."""
        what = f"ask how the crawler {self.name} stands"
        status = ask(what, self.hooks.glue.get_crawler, Name=self.name)["Crawler"]
        if status["State"] != "READY":
            return None
        last = status.get("LastCrawl", {})
        message = " ".join(str(last.get("ErrorMessage", "")).split()) or "no reason given"
        return message if last.get("Status") in ("FAILED", "CANCELLED") else ""

    def stop(self) -> None:
        """Stop the crawl that is going."""
        over = ("CrawlerNotRunningException", "CrawlerStoppingException")
        ask(f"stop the crawler {self.name}", self.hooks.glue.stop_crawler, *over, Name=self.name)

    def link(self) -> str:
        """Return where a person sees it."""
        return self.hooks.console(f"/glue/home?region={{0}}#/v2/data-catalog/crawlers/view/{self.name}")
