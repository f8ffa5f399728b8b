"""The generated pages of docs/reference/ are what the code says now."""

import pytest
from support.projects import REPOSITORY

from infra.reference.__main__ import PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_current(name: str) -> None:
    """A committed page is equal to what its generator writes from the code."""
    written = (REPOSITORY / "docs/reference" / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), "Run 'make reference'."


def test_every_field_has_a_sentence() -> None:
    """Each row of the page of YAML fields ends with a sentence or an example."""
    text = (REPOSITORY / "docs/reference/fields.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith(("| `", "| **`"))]
    assert len(rows) > 150
    assert [row for row in rows if not row.endswith((". |", "` |"))] == []
