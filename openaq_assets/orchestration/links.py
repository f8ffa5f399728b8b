"""Buttons on a task in the Airflow UI: to what it made."""

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class MaterializationLink(BaseOperatorLink):
    """To the ledger's records of what this task made."""

    name = "Materialization record"

    def get_link(self, operator: "BaseOperator", *, ti_key: "TaskInstanceKey") -> str:
        """The page of the records of this run; Airflow asks for it when the task has ended."""
        from airflow.sdk.configuration import conf

        asset, env = operator.asset_key, operator.environment  # type: ignore[attr-defined]
        base = conf.get("api", "base_url", fallback="").rstrip("/")
        asked = urlencode({"env": env, "run": ti_key.run_id})
        return f"{base}/openaq/records/{asset}?{asked}"


class AwsConsoleLink(BaseOperatorLink):
    """To what the task started in AWS: a run of the Glue job, a crawl, the last query."""

    name = "AWS console"

    def get_link(self, operator: "BaseOperator", *, ti_key: "TaskInstanceKey") -> str:
        """The page of the console; '' (and no button) where nothing was started."""
        run = getattr(operator, "_run", None)
        return run.link if run else ""
