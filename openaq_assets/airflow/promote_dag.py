"""The DAG ``<project>_promote``, which offers ``promote`` and ``rollback`` in Airflow's form."""

from dataclasses import asdict
from typing import Any

from airflow.sdk import DAG, BaseOperator, Context, Param

from openaq_assets.airflow.alerts import with_airflow
from openaq_assets.airflow.operator import airflow_failures
from openaq_assets.project.project import Project, load
from openaq_assets.promotion.promote import promote, rollback
from openaq_assets.runs.context import open_run
from openaq_assets.runs.plan import make_request

_TEXT = """\
Serves the views of `{source}` from `{target}`: contracts are compared, checks run in `{source}`, views
are replaced and validated, and put back if that fails. A breaking change passes only for the views named in
*Allow*. *rollback* serves what was served before. The same by hand, with the same record:
`openaq-assets promote`, `openaq-assets rollback`, `openaq-assets diff {source} {target}`.
"""


def environments_of(project: Project) -> tuple[str, str] | None:
    """Return the environment whose views are promoted and the one that serves them, or None."""
    for name, settings in sorted(project.environments.items()):
        if settings.tables_from:
            return settings.tables_from, name
    return None


def promote_id(project: Project) -> str:
    """Return the id of the DAG."""
    return f"{project.name}_promote"


def promote_dag(project: Project) -> DAG | None:
    """Return the DAG; None if the project has no views or no environment to serve them from."""
    pair = environments_of(project)
    names = [asset.key for asset in project.graph if asset.holds == "view"]
    if pair is None or not names:
        return None
    source, target = pair
    dag = DAG(
        dag_id=promote_id(project),
        description=f"Views of {source} to {target}, or back.",
        doc_md=_TEXT.format(source=source, target=target),
        schedule=None,
        max_active_runs=1,
        params=_form(names),
        tags={"openaq-assets", target},
    )
    PromoteOperator(
        task_id="promote",
        dag=dag,
        source=source,
        target=target,
        project_root=str(project.root),
        retries=0,  # the person who started it sees the failure
    )
    return dag


def _form(names: list[str]) -> dict[str, Param]:
    return {
        "action": Param(
            "promote",
            type="string",
            enum=["promote", "rollback"],
            title="Action",
            description="rollback serves what was served before the latest promotion.",
        ),
        "allow": Param(
            [],
            type=["array", "null"],
            items={"type": "string"},
            examples=names,
            title="Allow",
            description="Views whose contract may break. Readers of these may fail.",
        ),
        "to": Param(
            None,
            type=["integer", "null"],
            minimum=1,
            title="To",
            description="rollback only: the number of the promotion to go back to.",
        ),
    }


class PromoteOperator(BaseOperator):
    """An operator that promotes or rolls back as the command line does, and records who triggered it."""

    ui_color = "#f4efe3"
    custom_operator_name = "promote"

    def __init__(self, *, source: str, target: str, project_root: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source, self.target, self.project_root = source, target, project_root

    def execute(self, context: Context) -> dict[str, Any]:
        """Promote or roll back as the form says; return the record of the changes."""
        with airflow_failures():
            return self._do(context)

    def _do(self, context: Context) -> dict[str, Any]:
        project = with_airflow(load(self.project_root))  # a view left out must not look deleted
        run = open_run(project, make_request(project.graph), self.source)
        params, dag_run = context["params"], context["dag_run"]
        run.id = dag_run.run_id
        who = f"{getattr(dag_run, 'triggering_user_name', None) or 'someone'} in Airflow"
        allow = tuple(params.get("allow") or ())
        if params["action"] == "rollback":
            done = rollback(run, self.target, params.get("to"), allow, who)
        else:
            done = promote(run, self.target, allow, who)
        for line in done.lines():
            self.log.info("%s", line)
        return dict(asdict(done))
