"""Views in the Glue catalog: stale ones, other people's, damaged ones, and those that break their contract."""

import base64
import json
from typing import Any

import pytest
from support.aws_endpoint import Endpoint
from support.runner_fixtures import Lake, page, put_raw

from openaq_assets.errors import PlatformError
from openaq_assets.graph.columns import Column, Name
from openaq_assets.graph.contracts import pairs
from openaq_assets.graph.environment import bind
from openaq_assets.graph.operations import CreateView, Load, Query, Ref, Register, Table, digest
from openaq_assets.platforms import Ticket

NUMBERS, EVENS, TOPS = Ref("numbers", "reference"), Ref("evens", "view"), Ref("tops", "view")
SQL = "-- Số chẵn\nSELECT n, m FROM numbers WHERE n % 2 = 0 -- even\n"


def columns(**kinds: Any) -> tuple[Column, ...]:
    """Return columns by name and type."""
    return tuple(Column(Name(name), kind) for name, kind in kinds.items())


def load(lake: Lake, kind: Any = "bigint") -> None:
    """Load the table of numbers, with a column m of some type."""
    lake.good(Load("n,m\n1,1\n2,4\n", columns(n="bigint", m=kind), NUMBERS))


def view(**more: Any) -> CreateView:
    """Return the view of even numbers."""
    fields: dict[str, Any] = {"columns": columns(n="bigint", m="bigint"), "inputs": (NUMBERS,)}
    return CreateView(EVENS, SQL, **(fields | more))


def ask(lake: Lake, at: Ref = EVENS) -> Ticket:
    """Return a check that finds every row."""
    return lake.do(Query("c", f"SELECT n, m FROM {at.asset}", (at,), "no rows"))


@pytest.fixture
def evens(lake: Lake) -> Lake:
    """Return a lake with the view."""
    load(lake)
    lake.good(view())
    return lake


def glue_table(endpoint: Endpoint, name: str) -> dict[str, Any]:
    """Return a definition as Glue has it."""
    table: dict[str, Any] = endpoint.client("glue").get_table(DatabaseName="openaq_dev", Name=name)["Table"]
    return table


def change(endpoint: Endpoint, name: str, **fields: Any) -> None:
    """Change a definition, as somebody else could."""
    definition = glue_table(endpoint, name)
    kept = ("Name", "TableType", "Parameters", "StorageDescriptor", "PartitionKeys", "ViewOriginalText")
    table = {key: value for key, value in definition.items() if key in kept} | fields
    endpoint.client("glue").update_table(DatabaseName="openaq_dev", TableInput=table)


def test_the_view_remembers_its_text(evens: Lake) -> None:
    """view() gives back the very SQL, comments and all, though Athena keeps a print of its own."""
    made = evens.platform.view(evens.home.locate(EVENS))
    assert made is not None and made.sql == SQL
    assert made == bind(view(), evens.home) or pairs(made.columns) == pairs(view().columns)
    assert [(ref.asset, ref.table) for ref in made.inputs] == [("numbers", "openaq_dev.numbers")]
    assert list(evens.platform.views("openaq_dev")) == ["evens"]
    assert list(evens.platform.views("nowhere")) == []


def test_a_view_that_breaks_its_contract_is_never_made(evens: Lake, endpoint: Endpoint) -> None:
    """The columns are compared before the statement is sent: not for a moment is the view another."""
    before = glue_table(endpoint, "evens")["ViewOriginalText"]
    endpoint.calls.clear()
    ticket = evens.do(view(columns=columns(n="bigint", m="double")))
    assert ticket.state == "failed" and "m: is bigint, expected double." in ticket.message
    queries = [request["QueryString"] for request in endpoint.called("Athena.StartQueryExecution")]
    assert len(queries) == 1 and "CREATE" not in queries[0]
    assert glue_table(endpoint, "evens")["ViewOriginalText"] == before


def outdate(endpoint: Endpoint, name: str) -> None:
    """Change a view as if it was made when the text that it reads was shorter."""
    table = glue_table(endpoint, name)
    text = table["ViewOriginalText"].removeprefix("/* Presto View: ").removesuffix(" */")
    definition = json.loads(base64.b64decode(text))
    definition["columns"][0]["type"] = "varchar(1)"
    text = f"/* Presto View: {base64.b64encode(json.dumps(definition).encode()).decode()} */"
    seen = {**table["Parameters"], "openaq.definition": digest(text)}
    change(endpoint, name, ViewOriginalText=text, Parameters=seen)


def test_stale_views_are_made_again(evens: Lake, endpoint: Endpoint) -> None:
    """A query of stale views that read each other makes them again and returns its rows."""
    below = Ref("numbers", "reference")
    for name in ("one", "two", "three"):
        sql = f"SELECT {'CAST(n AS varchar) AS ' if name == 'one' else ''}s FROM {below.asset}"
        evens.good(CreateView(Ref(name, "view"), sql, columns(s="varchar"), (below,)))
        below = Ref(name, "view")
    sql = "SELECT s FROM three"
    for read in (
        lambda: evens.do(Query("c", sql, (below,), "no rows")).facts[""].rows,
        lambda: len(evens.ask(sql, below)),
    ):
        for name in ("one", "two", "three"):
            outdate(endpoint, name)
        endpoint.calls.clear()
        assert read() == 2
        texts = [request["QueryString"] for request in endpoint.called("Athena.StartQueryExecution")]
        assert sum(text.startswith("CREATE OR REPLACE VIEW") for text in texts) == 3
        assert read() == 2
    outdate(endpoint, "two")
    evens.good(CreateView(Ref("three", "view"), sql.replace("three", "two"), columns(s="varchar"), (Ref("two", "view"),)))


def test_a_literal_that_becomes_longer(evens: Lake, endpoint: Endpoint) -> None:
    """A view of a literal has text of any length, so views that read it do not become stale."""
    word = CreateView(Ref("word", "view"), "SELECT 'abc' AS s", columns(s="varchar"), ())
    evens.good(word)
    evens.good(CreateView(TOPS, "SELECT s FROM word", word.columns, (word.into,)))
    definition = glue_table(endpoint, "word")
    assert [column["Type"] for column in definition["StorageDescriptor"]["Columns"]] == ["string"]
    evens.good(CreateView(word.into, "SELECT 'abcdef' AS s", word.columns, ()))
    endpoint.calls.clear()
    assert evens.ask("SELECT s FROM tops", TOPS) == [("abcdef",)]
    assert len(endpoint.called("Athena.StartQueryExecution")) == 1


def test_a_stale_view_that_no_longer_keeps_its_contract(evens: Lake) -> None:
    """If a table's new type would break the view's declared columns, the view is not made, and both are named."""
    load(evens, "double")
    for ticket in (ask(evens), evens.do(view())):
        assert (ticket.state, ticket.retryable) == ("failed", False)
        assert "openaq_dev.evens" in ticket.message and "m: is double, expected bigint" in ticket.message
    with pytest.raises(PlatformError, match="m: is double, expected bigint"):
        evens.ask("SELECT n FROM evens", EVENS)
    load(evens)
    assert ask(evens).facts[""].rows == 1


def test_a_view_whose_table_is_gone(evens: Lake, endpoint: Endpoint) -> None:
    """A view whose table is missing fails with its name, and works again when the table is made."""
    endpoint.client("glue").delete_table(DatabaseName="openaq_dev", Name="numbers")
    ticket = ask(evens)
    assert ticket.state == "failed" and "there is no table or view 'openaq_dev.numbers'" in ticket.message
    load(evens)
    assert ask(evens).facts[""].rows == 1


def test_somebody_elses_view(evens: Lake, endpoint: Endpoint) -> None:
    """A view that was made or changed in the console is returned as Athena stores it, and can be restored."""
    table = '"openaq_dev"."numbers"'
    statement = f'CREATE OR REPLACE VIEW "openaq_dev"."evens" AS SELECT n, n * n AS m FROM {table}'
    evens.platform.athena.wait(evens.platform.athena.start(statement))
    at = evens.home.locate(EVENS)
    made = evens.platform.view(at)
    assert made is not None and "n * n" in made.sql and made.inputs == ()
    assert pairs(made.columns) == (("n", "bigint"), ("m", "bigint"))
    evens.good(view())
    ticket = evens.platform.submit(made)
    assert ticket.state == "succeeded", ticket.message
    assert evens.ask("SELECT m FROM evens ORDER BY n", EVENS) == [(1,), (4,)]


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"columns": 3}', "/* Presto View: 0 */", "/* Presto View: e30= */"])
def test_a_definition_that_was_damaged(evens: Lake, endpoint: Endpoint, text: str) -> None:
    """A view that cannot be read is reported by its name with the remedy; making it again repairs it."""
    change(endpoint, "evens", ViewOriginalText=text)
    with pytest.raises(PlatformError, match=r"openaq_dev.evens is not a view that Athena can read. Run 'evens' again"):
        evens.platform.view(evens.home.locate(EVENS))
    evens.good(view())
    assert evens.ask("SELECT n FROM evens", EVENS) == [(2,)]


def test_a_table_with_the_name_of_a_view(evens: Lake) -> None:
    """A table is no view: it is not dropped as one."""
    at = evens.home.locate(NUMBERS)
    assert evens.platform.view(at) is None
    evens.platform.drop_view(at)
    assert evens.ask("SELECT count(*) FROM numbers", NUMBERS) == [(2,)]


def test_without_the_database(evens: Lake, endpoint: Endpoint) -> None:
    """In an account that was not deployed, the error names the command deploy."""
    endpoint.client("glue").delete_database(Name="openaq_prod")
    prod = Ref("evens", "view", environment="prod")
    ticket = evens.do(CreateView(prod, SQL, view().columns, (NUMBERS,)))
    assert (ticket.state, ticket.retryable) == ("failed", False)


def test_old_files_under_a_new_contract(lake: Lake) -> None:
    """A table whose files are older than its contract is read by the contract."""
    put_raw(lake.platform, lake.home, "2026-01-10", page([]), asset="x_raw")
    table = Table(Ref("later", "processed"), columns(a="bigint", year="varchar", month="varchar", day="varchar"), True)
    lake.good(Register((table,)))
    assert lake.ask("SELECT a FROM later", table.at) == []
