"""The platforms that must all behave alike."""

from collections.abc import Callable
from pathlib import Path

import pytest

from openaq_assets.graph.environment import Environment, Profile
from openaq_assets.openaq.plugin import operation_handlers
from openaq_assets.platforms.aws.settings import Aws
from openaq_assets.platforms.registry import platforms
from support.aws_endpoint import BUCKET, Endpoint, crawl_of, endpoint, listening
from support.runner_fixtures import ENVIRONMENTS, Lake, memory_root

__all__ = ["endpoint", "listening"]
NAME = "lake [of] 'Việt' *"  # the characters that break quoting


def in_memory(request: pytest.FixtureRequest, folder: Path) -> Profile:
    """Return a lake in this process."""
    return Profile("memory", memory_root())


def on_disk(request: pytest.FixtureRequest, folder: Path) -> Profile:
    """Return a lake in a folder."""
    return Profile("local", str(folder / NAME))


def in_account(request: pytest.FixtureRequest, folder: Path) -> Profile:
    """Return a lake in a bucket, its tables registered by a crawler and its days made by Polars."""
    endpoint: Endpoint = request.getfixturevalue("endpoint")
    root = f"s3://{BUCKET}/{NAME}"
    crawl_of(endpoint, root)
    return Profile("aws", root, settings={"aws": Aws(transform="local")})


PROFILES: dict[str, Callable[[pytest.FixtureRequest, Path], Profile]] = {
    "aws": in_account, "local": on_disk, "memory": in_memory,
}


@pytest.fixture(params=sorted(PROFILES))
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    """Return an empty lake on each platform, below a root with the characters that break quoting."""
    home = Environment("dev", PROFILES[request.param](request, tmp_path), ENVIRONMENTS)
    kind = next(platform for platform in platforms() if platform.name == request.param)
    return Lake(kind.open(home, handlers=operation_handlers()), home)
