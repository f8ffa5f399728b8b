"""The operator that makes an asset of any kind on any platform, and emits its events in Airflow."""

import datetime as dt
import json
import time
from collections import UserDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol
from urllib.parse import urlencode

from airflow.sdk import BaseOperator, BaseOperatorLink, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from airflow.sdk.types import TaskInstanceKey

from openaq_assets.airflow.alerts import with_airflow
from openaq_assets.airflow.assets import emit
from openaq_assets.errors import AssetsError, PlatformError, SelectionError
from openaq_assets.graph.assets import AssetGraph
from openaq_assets.graph.jobs import Job
from openaq_assets.graph.partitions import parse_day
from openaq_assets.platforms import Ticket
from openaq_assets.project.project import load
from openaq_assets.runs.alerts import send_run_alert
from openaq_assets.runs.context import Result, Run, open_run
from openaq_assets.runs.cost import enforce_max_cost, limit_of
from openaq_assets.runs.plan import Request, grouped, make_request
from openaq_assets.runs.run import materialize

PROGRESS_SECONDS = 5.0
_TICKETS = "tickets"


class Store(Protocol):
    """The part of Airflow's ``task_state_store`` that is used: JSON per task that outlives the worker."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, or the default."""

    def set(self, key: str, value: Any) -> None:
        """Store the value of a key."""

    def delete(self, key: str) -> None:
        """Remove a key."""


class StoredTickets(UserDict[str, str]):
    """The tickets of running operations, kept so that a retry finds those of a killed worker."""

    def __init__(self, store: Store, on_start: Callable[[str], None] = lambda ticket: None) -> None:
        super().__init__()
        self._store, self._on_start = store, on_start
        self.data = dict(store.get(_TICKETS, default=None) or {})

    def __setitem__(self, name: str, ticket: str) -> None:
        if self.get(name) != ticket:  # every write is a request to the API server
            self.data[name] = ticket
            self._store.set(_TICKETS, self.data)
            self._on_start(ticket)

    def __delitem__(self, name: str) -> None:
        del self.data[name]
        if self.data:
            self._store.set(_TICKETS, self.data)
        else:
            self._store.delete(_TICKETS)


@contextmanager
def airflow_failures() -> Iterator[None]:
    """Raise the errors of this package as Airflow's, with or without a retry."""
    try:
        yield
    except PlatformError as error:
        failure = AirflowException if error.retryable else AirflowFailException
        raise failure(str(error)) from error
    except AssetsError as error:  # a retry would fail in the same way
        raise AirflowFailException(str(error)) from error


def request_of(
    graph: AssetGraph,
    job: Job,
    params: Mapping[str, Any],
    *,
    key: str | None = None,
    run_type: str = "manual",
    today: dt.date | None = None,
) -> Request:
    """Return the request of a DAG run: the dates of its form, the day of its key, or the last days.

    A scheduled run works on the job's last days up to its key, because rows may arrive late. A backfill or a
    run by hand works on exactly the day of the key. Raises SelectionError if the parameters contradict.
    """
    first, last = _day(params.get("from"), "from"), _day(params.get("to"), "to")
    if key and (first or last):
        raise SelectionError(
            "a run has either a partition key or the dates from/to, not both. Clear one of them."
        )
    if run_type == "backfill" and not key:
        raise SelectionError("runs of this job have no partition key. Start it with the dates from/to.")
    if key:
        last = _day(key, "partition key")
        first = None if run_type == "scheduled" else last
    return make_request(
        graph,
        first=first,
        last=last,
        days=job.days,
        only={section: params.get(section) or () for section in graph.selectors},
        force=bool(params.get("force")),
        today=today,
    )


def _day(text: str | None, what: str) -> dt.date | None:
    try:
        return parse_day(text) if text else None
    except ValueError as error:
        raise SelectionError(f"{what}: {error}.") from None


class MaterializationLink(BaseOperatorLink):
    """A link to the ledger's records of the task."""

    name = "Materialization record"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the page with the records of this run; Airflow calls this when the task has ended."""
        from airflow.sdk.configuration import conf

        asset, env = operator.asset_key, operator.environment  # type: ignore[attr-defined]  # only ours has this link
        base = conf.get("api", "base_url", fallback="").rstrip("/")
        query = urlencode({"env": env, "run": ti_key.run_id})
        return f"{base}/openaq/records/{asset}?{query}"


class AwsConsoleLink(BaseOperatorLink):
    """A link to the run of the Glue job, the crawl or the last query that the task started in AWS."""

    name = "AWS console"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the page of the console; '' (and no button) if nothing was started."""
        run = getattr(operator, "_run", None)
        return run.link if run else ""


class MaterializeOperator(BaseOperator):
    """An operator that makes one asset as ``openaq-assets run`` does, and emits its asset events.

    A task whose asset is up to date or not selected is *skipped*: there is no event, and the tasks that read
    the asset still run. If only some of many requests fail, the answers to the others are kept.
    """

    ui_color = "#e8f4f3"
    operator_extra_links = (MaterializationLink(), AwsConsoleLink())

    def __init__(
        self,
        *,
        asset_key: str,
        job: str,
        kind: str = "asset",
        environment: str = "dev",
        project_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.custom_operator_name = kind  # what the UI shows on the task
        self.asset_key = asset_key
        self.job = job
        self.environment = environment
        self.project_root = project_root
        self._run: Run | None = None

    def execute(self, context: Context) -> None:
        """Make the partitions that are missing or stale; raise AirflowSkipException if there are none."""
        params = context["params"]
        if params.get("only") and self.asset_key not in params["only"]:
            raise AirflowSkipException("not in the list 'only' of this run")
        with airflow_failures():
            self._run = self._open(context)
            result = self._materialize(self._run)
        self._tell(context, self._run, result)

    def on_kill(self) -> None:
        """Cancel the operations that run elsewhere when a person stops the task."""
        if not (run := self._run):
            return
        for text in list(run.tickets.values()):
            try:
                run.platform.cancel(Ticket(json.loads(text)["id"], "running"))
            except PlatformError as error:  # the others must be cancelled too
                self.log.error("%s", error)

    def _open(self, context: Context) -> Run:
        project = with_airflow(load(self.project_root, strict=False))
        dag_run = context["dag_run"]
        started = dag_run.start_date or dt.datetime.now(dt.UTC)
        request = request_of(
            project.graph,
            project.job(self.job),
            context["params"],
            key=context.get("partition_key"),
            run_type=str(getattr(dag_run.run_type, "value", dag_run.run_type)),
            today=started.astimezone(dt.UTC).date(),  # one day for all tasks of a run
        )
        run = open_run(project, request, self.environment, progress=LoggedProgress(self.log.info))
        run.id = dag_run.run_id
        run.tickets = StoredTickets(context["task_state_store"], partial(_show, context))
        return run

    def _materialize(self, run: Run) -> Result:
        # The estimate is of what is left of the run, so its first task refuses a run that is too expensive.
        enforce_max_cost(run, run.project.keys(self.job), limit_of(run.project, self.job, None))
        for line in grouped(run.plan_state.steps(self.asset_key)):
            self.log.info("%s", line)
        return materialize(run, self.asset_key)

    def _tell(self, context: Context, run: Run, result: Result) -> None:
        if result.state == "failed":
            failure = AirflowException if result.retryable else AirflowFailException
            raise failure(f"{self.asset_key}: {result.message}")
        if result.state == "skipped":
            raise AirflowSkipException(result.message)
        if result.state == "partial":
            self.log.warning("%s is incomplete: %s", self.asset_key, result.message)
        send_run_alert(run, [result])
        facts = result.facts
        self.log.info("%s: %d rows, %d bytes", self.asset_key, facts.rows, facts.bytes)
        for notice in facts.notices:
            self.log.warning("%s: %s", self.asset_key, notice)
        for outlet in self.outlets:
            emit(
                context["outlet_events"],  # type: ignore[arg-type]  # real accessors while a task runs
                outlet,
                result.records,
                version=run.plan_state.version(self.asset_key),
                run_key=context.get("partition_key"),
            )


def _show(context: Context, ticket: str) -> None:
    """Show the link of an operation that runs elsewhere, before the task has ended."""
    if link := json.loads(ticket)["link"]:
        context["ti"].xcom_push(key=AwsConsoleLink().xcom_key, value=link)


class LoggedProgress:
    """Progress as lines of a log, at most one in five seconds."""

    def __init__(self, say: Callable[..., None], clock: Callable[[], float] = time.monotonic) -> None:
        self._say, self._clock, self._last = say, clock, clock()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Log the progress, unless a line was logged a moment ago."""
        now = self._clock()
        if now - self._last >= PROGRESS_SECONDS:
            self._last = now
            self._say("%s: %d of %d", what, done, total)


class BrokenOperator(BaseOperator):
    """An operator that fails with the problems of a project that cannot be loaded."""

    def __init__(self, *, problems: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.problems = problems

    def execute(self, context: Context) -> None:
        """Raise AirflowFailException with the problems."""
        raise AirflowFailException(self.problems)
