"""The built-in platforms beyond the laws: damaged definitions, and tables whose files changed."""

from typing import Any

import pytest
from support.runner_fixtures import Lake

from openaq_assets.graph.operations import Query, Ref, Register, Table
from openaq_assets.graph.partitions import segment
from openaq_assets.testing.lake import columns_of
from openaq_assets.testing.laws import EVENS, NUMBERS, failed, view


@pytest.fixture
def numbers(lake: Lake) -> Lake:
    """Return a lake with a table of numbers."""
    lake.load("numbers", "n,name\n1,one\n2,two\n3,\n", n="bigint", name="varchar")
    return lake


def test_files_that_are_put_into_a_table(numbers: Lake) -> None:
    """A Parquet file that another writer put below a table's folder is rows of its day; * is the contract."""
    types: dict[str, Any] = {"n": "bigint", "year": "varchar", "month": "varchar", "day": "varchar"}
    at, store = Ref("daily", "processed"), numbers.platform.objects
    body = store.get(numbers.home.uri("reference", "numbers", "part-0.parquet"))
    for day in ("2025-12-31", "2026-01-01", "2026-01-02"):
        store.put(numbers.home.uri("processed", "daily", segment(day), "part-0.parquet"), body)
        numbers.good(Register((Table(at, columns_of(types), True),)))
        assert numbers.ask("SELECT max(year || '-' || month || '-' || day) FROM daily", at) == [(day,)]
    assert numbers.ask("SELECT * FROM daily WHERE year = '2025' AND n = 1", at) == [(1, "2025", "12", "31")]


def test_a_table_whose_file_is_gone(numbers: Lake) -> None:
    """A small table may be held by a session; once its file is deleted it is empty."""
    assert len(numbers.ask("SELECT name FROM numbers", NUMBERS)) == 3
    numbers.platform.objects.delete(numbers.home.uri("reference", "numbers", "part-0.parquet"))
    assert numbers.ask("SELECT name FROM numbers", NUMBERS) == []


def test_a_table_that_is_missing_has_a_remedy(lake: Lake) -> None:
    """A view or check of a missing table fails with the table and the remedy."""
    words = f"no table or view '{lake.home.database}.numbers'", "Run the assets that make it."
    failed(lake.do(view()), *words)
    failed(lake.do(Query("q", "SELECT n FROM numbers", (NUMBERS,), "no rows")), *words)


def test_a_definition_that_was_damaged(numbers: Lake) -> None:
    """An invalid catalog file is reported by its path; making the table again repairs it."""
    if numbers.platform.name == "aws":
        pytest.skip("AWS keeps definitions in Glue: tests/aws/test_views.py damages them there")
    numbers.good(view())
    uri = f"{numbers.home.root}/catalog/{numbers.home.database}/evens.json"
    for body in (b"{", b"[]", b"{}", b'{"columns": 3}', b"\xff"):
        numbers.platform.objects.put(uri, body)
        failed(numbers.do(Query("q", "SELECT n FROM evens", (EVENS,))), "evens.json", "--force")
        numbers.good(view())
        assert numbers.ask("SELECT n FROM evens", EVENS) == [(2,)]
