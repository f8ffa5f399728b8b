"""The hooks of Airflow's Amazon provider, through which this package calls AWS.

Inside an Airflow task they use the connection; elsewhere, or without one, boto3's default credentials.
"""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from botocore.config import Config

from openaq_assets.platforms.aws.errors import asking
from openaq_assets.platforms.aws.settings import Aws

TRIES = 6


@dataclass
class AwsHooks:
    """The hooks of the services, each made when it is first used."""

    settings: Aws

    @cached_property
    def s3(self) -> Any:
        """Return the hook of S3."""
        with outside_airflow():
            from airflow.providers.amazon.aws.hooks.s3 import S3Hook

            return self._made(S3Hook)

    @cached_property
    def athena(self) -> Any:
        """Return the hook of Athena."""
        with outside_airflow():
            from airflow.providers.amazon.aws.hooks.athena import AthenaHook

            return self._made(AthenaHook, log_query=False)

    @cached_property
    def catalog(self) -> Any:
        """Return the hook of the Glue catalog."""
        with outside_airflow():
            from airflow.providers.amazon.aws.hooks.glue_catalog import GlueCatalogHook

            return self._made(GlueCatalogHook)

    @property
    def glue(self) -> Any:
        """Return the client of Glue, for the catalog, the job and the crawler."""
        return self.catalog.conn

    def _made(self, kind: Any, **more: Any) -> Any:
        hook = kind(aws_conn_id=self.connection, region_name=self.settings.region or None, **more)
        with asking("connect to AWS"):
            # The settings of the connection win; AWS_MAX_ATTEMPTS is botocore's own variable.
            tries = int(os.environ.get("AWS_MAX_ATTEMPTS") or TRIES)
            config = Config(retries={"mode": "standard", "total_max_attempts": tries})
            hook.conn = hook.get_client_type(hook.region_name, config=config.merge(hook.config))
        return hook

    @property
    def connection(self) -> str | None:
        """Return the id of the Airflow connection, None where there can be none."""
        name = self.settings.connection
        inside = "AIRFLOW_CTX_DAG_ID" in os.environ  # Airflow sets it in every task
        return name if name and (inside or f"AIRFLOW_CONN_{name.upper()}" in os.environ) else None

    def console(self, path: str) -> str:
        """Return the URL of a page of the AWS console; ``{0}`` in the path is the region."""
        return f"https://{{0}}.console.aws.amazon.com{path}".format(self.s3.conn_region_name)


@cache
def hooks_of(settings: Aws) -> AwsHooks:
    """Return the hooks, once per process: each client reads a large description of its service."""
    return AwsHooks(settings)


@contextmanager
def outside_airflow() -> Iterator[None]:
    """Undo what importing Airflow changes in a process outside of it: logging and the environment."""
    if "airflow.settings" in sys.modules:
        yield
        return
    root = logging.getLogger()
    handlers, level, before = root.handlers[:], root.level, dict(os.environ)
    os.environ.setdefault("AIRFLOW_HOME", f"{private_folder()}/airflow")
    os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "ERROR")  # it logs everything else to stdout
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for name in set(os.environ) - set(before):
            del os.environ[name]


def private_folder() -> str:
    """Return a folder of this user for temporary files, made if it is missing."""
    folder = f"{tempfile.gettempdir()}/openaq-assets-{os.getuid()}"
    Path(folder).mkdir(mode=0o700, exist_ok=True)
    return folder
