"""Tools for tests of plugins: a lake in memory, laws of platforms and kinds, Hypothesis strategies.

It needs pytest; ``openaq_assets.testing.strategies`` needs Hypothesis, too.
"""

import pytest

for _name in ("laws", "object_laws", "queries", "tables", "tickets", "transforms", "views", "kinds", "lake"):
    pytest.register_assert_rewrite(f"{__name__}.{_name}")

from openaq_assets.testing.conformance import PlatformConformance
from openaq_assets.testing.kinds import check_kind
from openaq_assets.testing.lake import Lake, columns_of, memory_lake, open_lake

__all__ = ["Lake", "PlatformConformance", "check_kind", "columns_of", "memory_lake", "open_lake"]
