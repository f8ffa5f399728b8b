"""DAGs from conf/: one per job, with one task per asset and the edges of the graph.

A mistake in conf/ becomes a placeholder DAG that shows it.
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, BaseOperator, Param, get_parsing_context

from openaq_assets.airflow.alerts import tell_failure
from openaq_assets.airflow.assets import airflow_asset, home_of
from openaq_assets.airflow.doc_text import asset_text, broken_text, job_text, problems_text, shortened
from openaq_assets.airflow.operator import BrokenOperator, MaterializeOperator
from openaq_assets.airflow.promote_dag import promote_dag, promote_id
from openaq_assets.airflow.timetable import timetable_of
from openaq_assets.errors import ConfigError, Problem
from openaq_assets.graph.assets import Asset
from openaq_assets.graph.jobs import Job
from openaq_assets.project.files import SETTINGS
from openaq_assets.project.project import Project, load

_START = dt.datetime(2016, 1, 1, tzinfo=dt.UTC)  # before OpenAQ's first measurement
_RETRIES: Mapping[str, Any] = {"retries": 2, "retry_delay": dt.timedelta(seconds=30)}


def build_dags(root: Path | str | None = None) -> dict[str, DAG]:
    """Return every DAG of a project by id; never raise, but return a placeholder DAG for a mistake.

    While Airflow parses for one task, only the DAG of that task is built.
    """
    wanted = get_parsing_context().dag_id
    project, problems = _read(root)
    dags: dict[str, DAG] = {}
    for name in sorted(project.jobs) if project else ():
        assert project is not None
        if wanted in (None, name):
            try:
                dags[name] = job_dag(project, name)
            except Exception as error:  # noqa: BLE001 - one bad job must not hide the others
                problems.append(_of_job(name, error))
    name = promote_id(project) if project else ""
    by_hand = project and name not in project.jobs and wanted in (None, name)
    if by_hand and project and (promoting := promote_dag(project)) is not None:
        dags[name] = promoting
    for dag_id, group in _placeholders(problems).items():
        if dag_id not in dags and wanted in (None, dag_id):
            dags[dag_id] = placeholder_dag(dag_id, group)
    return dags


def find_problems(root: Path | str | None = None) -> str:
    """Return every problem of the project for Airflow's list of import errors; '' if there is none."""
    return problems_text(_read(root)[1])


def _read(root: Path | str | None) -> tuple[Project | None, list[Problem]]:
    try:
        project = load(root, strict=False)
        return project, sorted({*project.problems, *_operator_problems(project)})
    except ConfigError as error:
        return None, list(error.problems)
    except Exception as error:  # noqa: BLE001 - a DAG file that raises shows nothing at all
        what = f"{type(error).__name__}: {error}"
        return None, [Problem(SETTINGS, 0, 0, "", what, "Run 'openaq-assets check'.")]


def _of_job(name: str, error: Exception) -> Problem:
    what = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
    return Problem(SETTINGS, 0, 0, f"jobs.{name}", what)


# --- jobs ----------------------------------------------------------------------------------------


def job_dag(project: Project, name: str) -> DAG:
    """Return the DAG of a job; the same conf/ gives the same DAG on every machine and at every hour."""
    job, keys = project.job(name), project.keys(name)
    owners = _event_owners(project)
    delegated = [(key, owner) for key in keys if (owner := owners[_home(project, job, key)]) != name]
    dag = DAG(
        dag_id=name,
        description=job.description or None,
        doc_md=job_text(name, job, delegated),
        schedule=timetable_of(job.schedule),
        start_date=_START,
        catchup=False,
        max_active_runs=1,  # runs of one job would redo each other's work
        params=_form(project, keys),
        tags={"openaq-assets", job.environment, *job.tags},
        default_args={"owner": job.owner or "airflow", **_RETRIES},
    )
    emitted_elsewhere = {key for key, _ in delegated}
    tasks = {key: _task(dag, project, name, key, emits=key not in emitted_elsewhere) for key in keys}
    for key in keys:
        for up in project.graph.upstream[key]:
            if up in tasks:
                tasks[up] >> tasks[key]
    if project.graph.left_out:
        _warning(dag, project)
    return dag


def _warning(dag: DAG, project: Project) -> None:
    """Add a task that fails, because a run without the assets that were left out must not succeed."""
    lost = f"Left out: {', '.join(sorted(project.graph.left_out))}."
    text = f"{lost}\n{problems_text(project.problems)}"
    BrokenOperator(task_id="configuration_error", dag=dag, problems=text, retries=0, doc_md=text)


def _home(project: Project, job: Job, key: str) -> tuple[str, str]:
    return home_of(project, job.environment, key), key


def _event_owners(project: Project) -> Mapping[tuple[str, str], str]:
    """Return the job that emits the events of each asset: Airflow refuses an asset of two jobs."""
    owners: dict[tuple[str, str], str] = {}
    for name in sorted(project.jobs):
        for key in project.keys(name):
            owners.setdefault(_home(project, project.jobs[name], key), name)
    return owners


def _task(dag: DAG, project: Project, name: str, key: str, *, emits: bool) -> BaseOperator:
    asset, environment = project.graph[key], project.job(name).environment
    ups = project.graph.upstream[key]
    operator, problems = _operator(project, asset)
    if problems:
        text = problems_text(problems)
        return BrokenOperator(task_id=key, dag=dag, problems=text, retries=0, doc_md=text)
    return operator(
        task_id=key,
        dag=dag,
        asset_key=key,
        kind=asset.kind.name,
        job=name,
        environment=environment,
        project_root=str(project.root),
        inlets=[airflow_asset(project, environment, up) for up in ups],
        outlets=[airflow_asset(project, environment, key)] if emits else [],
        trigger_rule="none_failed",  # a skipped input is up to date, not missing
        on_failure_callback=tell_failure,
        doc_md=asset_text(asset, project.graph),
        **_of_asset(asset),
    )


def _operator(project: Project, asset: Asset) -> tuple[type[MaterializeOperator], list[Problem]]:
    """Return the operator class of an asset's task, and the problems of the hook that chose it."""
    manager = project.plugins.manager
    operator = manager.hook.airflow_operator(asset=asset)
    if operator is not None and not issubclass(operator, MaterializeOperator):
        manager.blame_hook("airflow_operator", f"returns {operator!r}, which is not a MaterializeOperator")
    return operator or MaterializeOperator, manager.take_problems()


def _operator_problems(project: Project) -> list[Problem]:
    return [problem for asset in project.graph for problem in _operator(project, asset)[1]]


def _of_asset(asset: Asset) -> Mapping[str, Any]:
    """Return the arguments that only some assets have; the others keep the defaults of the DAG."""
    pool = {"pool": asset.kind.pool} if asset.kind.pool else {}
    owner = {"owner": asset.common.owner} if asset.common.owner else {}
    return {**pool, **owner}


def _form(project: Project, keys: Iterable[str]) -> dict[str, Param]:
    """Return the form of the trigger dialog."""
    return {
        "from": _date("First day", "UTC. Empty: as many days as the job says, up to the last."),
        "to": _date("Last day", "UTC. Empty: today."),
        **{
            section: _choice(
                section.capitalize(), f"Only these of conf/{section}.yaml. Empty: all.", sorted(names)
            )
            for section, names in project.graph.selectors.items()
        },
        "only": _choice("Assets", "Only these; the others are skipped. Empty: all.", list(keys)),
        "force": Param(False, type="boolean", title="Force", description="Make again what is up to date."),
    }


def _date(title: str, description: str) -> Param:
    return Param(None, type=["string", "null"], format="date", title=title, description=description)


def _choice(title: str, description: str, names: list[str]) -> Param:
    items = {"type": "string", "enum": names} if names else {"type": "string"}
    return Param(
        [], type=["array", "null"], items=items, examples=names, title=title, description=description
    )


# --- placeholders --------------------------------------------------------------------------------


def _placeholders(problems: Iterable[Problem]) -> Mapping[str, list[Problem]]:
    """Return the problems of each placeholder DAG: those of a job by its name, others by their file."""
    ordered = sorted(set(problems), key=lambda problem: (_placeholder_id(problem), problem))
    return {dag_id: list(group) for dag_id, group in groupby(ordered, _placeholder_id)}


def _placeholder_id(problem: Problem) -> str:
    job = re.match(r"jobs\.([a-z][a-z0-9_]*)(?![^.\[])", problem.field)
    if problem.path == SETTINGS and job:
        return job[1]
    return "broken__" + re.sub(r"[^A-Za-z0-9]+", "_", problem.path).strip("_")[:200]


def placeholder_dag(dag_id: str, problems: list[Problem]) -> DAG:
    """Return a DAG that takes the place of something broken: it shows the problems, and fails when run."""
    paths = sorted({problem.path for problem in problems})
    what = dag_id if not dag_id.startswith("broken__") else ", ".join(paths)
    dag = DAG(
        dag_id=dag_id,
        dag_display_name=f"⚠ {what}: {shortened(problems)}",
        description=str(problems[0]),
        doc_md=broken_text(what, problems),
        schedule=None,
        start_date=_START,
        tags={"openaq-assets", "broken"},
    )
    BrokenOperator(
        task_id="configuration_error",
        dag=dag,
        problems=problems_text(problems),
        retries=0,
        doc_md=broken_text(what, problems),
    )
    return dag
