"""The generated pages of docs/reference/ are what the code says now."""

import pytest
from support.projects import REPOSITORY

from infra.reference.__main__ import PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_current(name: str) -> None:
    """A committed page is equal to what its generator writes from the code."""
    written = (REPOSITORY / "docs/reference" / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), "Run 'make reference'."
