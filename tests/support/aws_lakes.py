"""The endpoint, and lakes in it."""

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from openaq_assets.graph.environment import Environment, Profile
from openaq_assets.platforms.aws.platform import open_aws
from openaq_assets.platforms.aws.settings import Aws
from support.aws_endpoint import BUCKET, CRAWLER, Endpoint, crawl_of, endpoint, listening
from support.moto_glue import SparkScript
from support.runner_fixtures import ENVIRONMENTS, Lake

__all__ = ["endpoint", "listening"]
Lakes = Callable[..., Lake]
ROOT = f"s3://{BUCKET}"


def home(root: str = ROOT, **settings: Any) -> Environment:
    """Return an environment in the account."""
    chosen: dict[str, Any] = {"transform": "local", "catalog": "partitions", "crawler": CRAWLER, **settings}
    return Environment("dev", Profile("aws", root, settings={"aws": Aws(**chosen)}), ENVIRONMENTS)


@pytest.fixture
def lake_of(endpoint: Endpoint) -> Lakes:
    """Return a function that opens a lake with settings of the profile; each test has its own account."""
    crawl_of(endpoint, ROOT)

    def opened(**settings: Any) -> Lake:
        environment = home(**settings)
        return Lake(open_aws(environment), environment)

    return opened


@pytest.fixture
def lake(lake_of: Lakes) -> Lake:
    """Return a lake whose days Polars makes, registered directly."""
    return lake_of()


needs_spark = pytest.mark.skipif(
    not shutil.which("java") or not (SparkScript.python().parents[1] / "installed").exists(),
    reason="Spark 3.5 is not here: install Java 17 and run sh infra/install_spark.sh",
)
