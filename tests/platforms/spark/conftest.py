"""Real Sparks, and the rule that tests of one are run by one worker."""

import pytest
from support.sparks import VERSIONS, spark, twins

__all__ = ["spark", "twins"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one worker run the tests of one Spark: starting it takes longer than they do."""
    for item in items:
        version = item.callspec.params.get("spark") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None
        if version in VERSIONS:
            item.add_marker(pytest.mark.spark)
            item.add_marker(pytest.mark.xdist_group(f"spark{version}"))
