"""Register, Load, CreateView, Query and view(), on every platform, through submit and poll."""

import csv
import datetime as dt
import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.runner_fixtures import Lake

from openaq_assets.graph.columns import Column, Name
from openaq_assets.graph.contracts import pairs
from openaq_assets.graph.operations import CreateView, Load, Query, Ref, Register, Table
from openaq_assets.graph.partitions import segment
from openaq_assets.platforms import Ticket

NUMBERS = Ref("numbers", "reference")


def columns(**kinds: Any) -> tuple[Column, ...]:
    """Columns by name and type."""
    return tuple(Column(Name(name), kind) for name, kind in kinds.items())


def failed(ticket: Ticket, *words: str) -> None:
    """The ticket failed, and says why in one line."""
    assert ticket.state == "failed"
    assert ticket.message and "\n" not in ticket.message
    for word in words:
        assert word in ticket.message


@pytest.fixture
def numbers(lake: Lake) -> Lake:
    """A lake with a table of numbers."""
    lake.good(Load("n,name\n1,one\n2,two\n3,\n", columns(n="bigint", name="varchar"), NUMBERS))
    return lake


def view(name: str = "evens", sql: str = "SELECT n FROM numbers WHERE n % 2 = 0", **more: Any) -> CreateView:
    """A view of numbers."""
    fields: dict[str, Any] = {"columns": columns(n="bigint"), "inputs": (NUMBERS,)}
    return CreateView(Ref(name, "view"), sql, **(fields | more))


# --- Register ------------------------------------------------------------------------------------


def test_a_table_without_files_is_empty(lake: Lake) -> None:
    """A registered table with no file answers with no rows and the promised types."""
    promised = columns(id="bigint", at="timestamp", year="varchar", month="varchar", day="varchar")
    table = Table(Ref("later", "processed"), promised, True)
    lake.good(Register((table,)))
    assert lake.ask("SELECT id, at FROM later WHERE day = '01'", Ref("later", "processed")) == []
    query = Query("c", "SELECT * FROM later LIMIT 0", (Ref("later", "processed"),), "contract", table.columns)
    lake.good(query)


def test_the_days_of_a_table(lake: Lake) -> None:
    """Days are chosen by their keys, one by one or put together, and new ones are found; * is what was promised."""
    ref, kinds = Ref("daily", "processed"), columns(n="bigint", year="varchar", month="varchar", day="varchar")
    lake.good(Load("n\n7\n", columns(n="bigint"), NUMBERS))
    body = lake.platform.objects.get(lake.home.uri("reference", "numbers", "part-0.parquet"))
    for day in ("2025-12-31", "2026-01-01", "2026-01-02"):
        lake.platform.objects.put(lake.home.uri("processed", "daily", segment(day), "part-0.parquet"), body)
        lake.good(Register((Table(ref, kinds, True),)))
        key = "year || '-' || month || '-' || day"
        assert lake.ask(f"SELECT max({key}) FROM daily", ref) == [(day,)]
        one = lake.ask(f"SELECT day FROM daily WHERE {key} >= '2026-01-01' AND {key} < '2026-01-02'", ref)
        assert one == ([("01",)] if day >= "2026" else [])
    assert lake.ask("SELECT * FROM daily WHERE year = '2025'", ref) == [(7, "2025", "12", "31")]


def test_names_that_are_words_of_sql(lake: Lake) -> None:
    """Tables and columns called like SQL words work."""
    rows = [{"order": 1, "group": "a"}]
    at = lake.table("select", rows, {"order": "bigint", "group": "varchar"})
    assert lake.ask('SELECT t."order", t."group" FROM "select" AS t', at) == [(1, "a")]


def test_a_column_added_later_is_null_in_old_files(lake: Lake) -> None:
    """Files that are older than a column of the contract answer NULL for it."""
    at = lake.table("grown", [{"a": 1}], {"a": "bigint"})
    promised = columns(a="bigint", b="double", year="varchar", month="varchar", day="varchar")
    lake.good(Register((Table(at, promised, True),)))
    assert lake.ask("SELECT a, b, day FROM grown", at) == [(1, None, "10")]


def test_registering_again_is_a_no_op(lake: Lake) -> None:
    """The same definition is not written twice."""
    register = Register((Table(Ref("t", "processed"), columns(a="bigint"), False),))
    assert lake.good(register).facts == lake.good(register).facts


# --- Load ----------------------------------------------------------------------------------------


def test_cells_of_every_type(lake: Lake) -> None:
    """Text, numbers, booleans, dates and timestamps are typed; empty cells are NULL."""
    text = (
        "s,i,b,d,t,day,unused\r\n"
        '"Hà Nội, \"\"x\"\"", 7 ,TRUE,1.5e3,2026-01-10T12:00:00+07:00,2026-01-10,x\r\n'
        ",,,,,,\r\n"
        "\"line\nbreak\",-3,false,.5,2026-01-10 12:00:00,2024-02-29,\r\n"
    )
    kinds = columns(day="date", s="varchar", i="integer", b="boolean", d="double", t="timestamp")
    ticket = lake.good(Load(text, kinds, Ref("cells", "reference")))
    assert ticket.facts[""].rows == 3
    stamp = dt.datetime(2026, 1, 10, 12)
    assert lake.ask("SELECT s, i, b, d, t, day FROM cells ORDER BY i NULLS LAST", Ref("cells", "reference")) == [
        ("line\nbreak", -3, False, 0.5, stamp, dt.date(2024, 2, 29)),
        ('Hà Nội, "x"', 7, True, 1500.0, stamp.replace(hour=5), dt.date(2026, 1, 10)),
        (None, None, None, None, None, None),
    ]


@pytest.mark.parametrize(
    ("kind", "cell"),
    [("bigint", "1.5"), ("bigint", "1e3"), ("integer", "2147483648"), ("double", "abc"), ("double", "1,5"),
     ("double", "1_0"), ("boolean", "yes"), ("timestamp", "noon"), ("date", "2026-02-30")],
)  # fmt: skip
def test_a_wrong_cell_fails(lake: Lake, kind: Any, cell: str) -> None:
    """A cell of another type fails the load with table, line, column and value; nothing is written."""
    ticket = lake.do(Load(f'a,b\n1,\n2,"{cell}"\n', columns(a="bigint", b=kind), Ref("wrong", "reference")))
    failed(ticket, "CSV of wrong", "line 3", "column 'b'", repr(cell), kind)
    assert lake.bodies("reference") == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [("a\n1,2\n", "line 2: 2 cells under 1 columns"), ("a,b\n1\n", "1 cells under 2"), ("x\n1\n", "no column 'a'"),
     ("", "no column 'a'"), ('a\n"open\n', "not CSV")],
)  # fmt: skip
def test_a_csv_of_another_shape_fails(lake: Lake, text: str, words: str) -> None:
    """Missing columns, ragged lines and open quotes fail in one line."""
    failed(lake.do(Load(text, columns(a="bigint"), Ref("shape", "reference"))), words)


def test_a_csv_from_a_spreadsheet(lake: Lake) -> None:
    """A byte order mark and spaces around the header do not matter; a CSV without rows is an empty table."""
    lake.good(Load("\ufeff a , b\n1,2\n", columns(a="bigint", b="bigint"), NUMBERS))
    assert lake.ask("SELECT a, b FROM numbers", NUMBERS) == [(1, 2)]
    lake.good(Load("a,b\n", columns(a="bigint", b="bigint"), NUMBERS))
    assert lake.ask("SELECT a, b FROM numbers", NUMBERS) == []


# --- CreateView ----------------------------------------------------------------------------------


def test_a_view_of_a_view(numbers: Lake) -> None:
    """A view reads tables and views, and follows them when their rows change."""
    numbers.good(view())
    numbers.good(view("squares", "SELECT n * n AS n FROM evens", inputs=(Ref("evens", "view"),)))
    assert numbers.ask("SELECT n FROM squares", Ref("squares", "view")) == [(4,)]
    numbers.good(Load("n,name\n4,four\n", columns(n="bigint", name="varchar"), NUMBERS))
    assert numbers.ask("SELECT n FROM squares", Ref("squares", "view")) == [(16,)]


def test_a_view_that_breaks_its_contract(numbers: Lake) -> None:
    """A view whose SQL answers with other names or types is refused, naming them; the old one stays."""
    numbers.good(view())
    ticket = numbers.do(view(sql="SELECT n / 2e0 AS n, name FROM numbers"))
    failed(ticket, "openaq_dev.evens", "n: is double, promised bigint", "name: is new")
    failed(numbers.do(view(columns=columns(n="bigint", m="bigint"))), "m: is missing")
    assert numbers.ask("SELECT n FROM evens", Ref("evens", "view")) == [(2,)]


def test_a_view_that_is_there_can_be_left(numbers: Lake) -> None:
    """With replace=False a view that is there stays as it is, and a missing one is made."""
    numbers.good(view(replace=False))
    numbers.good(view(sql="SELECT n FROM numbers", replace=False))
    assert numbers.ask("SELECT n FROM evens", Ref("evens", "view")) == [(2,)]


def test_a_view_without_its_table(lake: Lake) -> None:
    """A view of a table nobody made fails with the table's name and what to do."""
    failed(lake.do(view()), "no table or view 'openaq_dev.numbers'", "Run the assets that make it.")


def test_sql_the_engine_refuses(numbers: Lake) -> None:
    """The engine's words about unknown columns and functions come as one line."""
    failed(numbers.do(view(sql="SELECT nope FROM numbers")), "nope")
    failed(numbers.do(view(sql="SELECT no_such_function(n) AS n FROM numbers")), "no_such_function")
    failed(numbers.do(view(sql="SELECT n FROM numbers ((")))


def test_what_a_view_is_now(numbers: Lake) -> None:
    """view() answers with the operation that would make it again; None for tables and unknown names."""
    numbers.good(view())
    at = numbers.home.locate(Ref("evens", "view"))
    found = numbers.platform.view(at)
    assert found is not None
    assert (found.sql, pairs(found.columns)) == (view().sql, (("n", "bigint"),))
    assert [ref.table for ref in found.inputs] == ["openaq_dev.numbers"]
    numbers.platform.drop_view(at)
    assert numbers.platform.view(at) is None
    assert numbers.platform.submit(found).state == "succeeded"
    assert numbers.platform.view(at) == found
    assert numbers.platform.view(numbers.home.locate(NUMBERS)) is None


def test_the_views_of_a_database(numbers: Lake) -> None:
    """They are listed by name, in order; tables and other databases are not among them."""
    assert list(numbers.platform.views("nowhere")) == []
    numbers.good(view("odds"))
    numbers.good(view())
    assert list(numbers.platform.views(numbers.home.database)) == ["evens", "odds"]
    numbers.platform.drop_view(numbers.home.locate(Ref("odds", "view")))
    assert list(numbers.platform.views(numbers.home.database)) == ["evens"]


def test_views_that_read_each_other(numbers: Lake) -> None:
    """A ring of views is one line, not an endless search."""
    numbers.good(view("one"))
    numbers.good(view("two", "SELECT n FROM one", inputs=(Ref("one", "view"),)))
    ticket = numbers.do(view("one", "SELECT n FROM two", inputs=(Ref("two", "view"),)))
    if ticket.state == "succeeded":
        failed(numbers.do(Query("q", "SELECT n FROM two", (Ref("two", "view"),))), "reads itself")


def test_a_long_chain_of_views(numbers: Lake) -> None:
    """Thirty views on top of each other answer."""
    below = NUMBERS
    for depth in range(30):
        numbers.good(view(f"v{depth}", f"SELECT n FROM {below.asset}", inputs=(below,)))
        below = Ref(f"v{depth}", "view")
    assert numbers.ask("SELECT count(*) FROM v29", below) == [(3,)]


# --- Query ---------------------------------------------------------------------------------------


def check(sql: str, **more: Any) -> Query:
    """A check of numbers."""
    return Query("small numbers", sql, (NUMBERS,), **({"expect": "no rows"} | more))


def test_a_check_that_holds(numbers: Lake) -> None:
    """A check whose query has no rows succeeds with no failures."""
    assert numbers.good(check("SELECT n FROM numbers WHERE n > 9")).facts[""].failures == ()


def test_a_check_that_fails(numbers: Lake) -> None:
    """A failing check names itself, the first row and how many more; at most 100 rows are kept."""
    ticket = numbers.do(check("SELECT n, name FROM numbers ORDER BY n DESC"))
    failed(ticket, "small numbers: n=3, name=None and 2 more")
    assert len(ticket.facts[""].failures) == 3
    many = numbers.do(check("SELECT a.n FROM numbers a, numbers b, numbers c, numbers d, numbers e"))
    assert len(many.facts[""].failures) == 100


def test_a_check_that_only_warns(numbers: Lake) -> None:
    """A check of severity warn succeeds and keeps its failures."""
    ticket = numbers.good(check("SELECT n FROM numbers WHERE n = 1", severity="warn"))
    assert ticket.facts[""].failures == ("small numbers: n=1",)


def test_a_contract_is_checked(numbers: Lake) -> None:
    """expect='contract' compares names and types, in order."""
    query = check("SELECT n, name FROM numbers", expect="contract", columns=columns(n="bigint", name="varchar"))
    numbers.good(query)
    other = check("SELECT name, n FROM numbers", expect="contract", columns=columns(n="bigint", name="bigint"))
    failed(numbers.do(other), "small numbers: name: is varchar, promised bigint")


def test_a_check_of_a_missing_table(lake: Lake) -> None:
    """A check whose table is not there fails, even if it would only warn."""
    failed(lake.do(check("SELECT n FROM numbers", severity="warn")), "no table or view 'openaq_dev.numbers'")


def test_rows_into_csv(lake: Lake) -> None:
    """Rows are kept as CSV that reads back, with NULL empty and formulas made text."""
    rows = [
        {"id": 1, "text": "=1+1", "at": "2026-01-10T01:02:03Z"}, {"id": -2, "text": 'a "b", ü\nc', "at": None},
        {"id": 3, "text": "@x", "at": None}, {"id": 4, "text": "-5", "at": None},
    ]  # fmt: skip
    at = lake.table("cells", rows, {"id": "bigint", "text": "varchar", "at": "timestamp"})
    query = Query("q", "SELECT id, text, at FROM cells ORDER BY id", (at,), into=Ref("out", "export"))
    ticket = lake.good(query)
    ((uri, body),) = lake.bodies("export").items()
    assert uri.endswith("/export/out/out.csv")
    assert list(csv.reader(io.StringIO(body.decode(), newline=""))) == [
        ["id", "text", "at"], ["-2", 'a "b", ü\nc', ""], ["1", "'=1+1", "2026-01-10T01:02:03"],
        ["3", "'@x", ""], ["4", "'-5", ""],
    ]  # fmt: skip
    facts = ticket.facts[""]
    assert (facts.rows, facts.bytes, facts.objects) == (4, len(body), 1)
    assert lake.good(query).facts[""] == facts


def test_an_operation_nobody_knows(lake: Lake) -> None:
    """Whatever goes wrong inside, the ticket fails with one line that names the kind of error."""

    class Unheard:
        pass

    failed(lake.platform.submit(Unheard()), "cannot carry out 'Unheard'")  # type: ignore[arg-type]


def test_a_definition_that_was_damaged(numbers: Lake) -> None:
    """A catalog file that is no definition is told by its path, and made good by making it again."""
    if numbers.platform.name == "aws":
        pytest.skip("AWS keeps definitions in Glue: tests/aws/test_views.py damages them there")
    numbers.good(view())
    uri = f"{numbers.home.root}/catalog/openaq_dev/evens.json"
    for body in (b"{", b"[]", b"{}", b'{"columns": 3}', b"\xff"):
        numbers.platform.objects.put(uri, body)
        failed(numbers.do(Query("q", "SELECT n FROM evens", (Ref("evens", "view"),))), "evens.json", "--force")
        numbers.good(view())
        assert numbers.ask("SELECT n FROM evens", Ref("evens", "view")) == [(2,)]


def test_a_sum_of_whole_numbers_is_a_bigint(numbers: Lake) -> None:
    """A sum is what Trino calls bigint, though DuckDB's own is wider."""
    total = view("total", "SELECT sum(n) AS n FROM numbers")
    numbers.good(total)
    contract = Query("c", "SELECT * FROM total LIMIT 0", (total.into,), "contract", total.columns)
    numbers.good(contract)
    assert numbers.ask("SELECT n FROM total", total.into) == [(6,)]


def test_a_small_table_that_changed_is_read_again(lake: Lake) -> None:
    """Reference tables may be held by a session; their next content is what the next question sees."""
    for text in ("one", "two", "three"):
        lake.good(Load(f"n,name\n1,{text}\n", columns(n="bigint", name="varchar"), NUMBERS))
        assert lake.ask("SELECT name FROM numbers", NUMBERS) == [(text,)]
    lake.platform.objects.delete(lake.home.uri("reference", "numbers", "part-0.parquet"))
    assert lake.ask("SELECT name FROM numbers", NUMBERS) == []


def test_questions_at_the_same_time(numbers: Lake) -> None:
    """Threads that ask have connections of their own, whatever is kept of earlier ones."""
    with ThreadPoolExecutor(8) as pool:
        asked = [f"SELECT n + {i} AS n FROM numbers ORDER BY n" for i in range(40)]
        found = list(pool.map(lambda sql: numbers.ask(sql, NUMBERS), asked))
    assert found == [[(i + 1,), (i + 2,), (i + 3,)] for i in range(40)]
