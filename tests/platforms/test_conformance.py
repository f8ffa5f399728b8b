"""The built-in platforms keep every law that a third party's has to keep."""

import pytest
from support.runner_fixtures import Lake

from openaq_assets.testing import PlatformConformance


class TestBuiltIn(PlatformConformance):
    """The laws, below a root with the characters that break quoting."""

    @pytest.fixture
    def lake(self, lake: Lake) -> Lake:
        """Return the lake of each platform in turn."""
        return lake
