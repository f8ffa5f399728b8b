"""The laws of views."""

from openaq_assets.graph.contracts import pairs
from openaq_assets.graph.operations import Load, Query, Ref
from openaq_assets.testing.lake import Lake, columns_of
from openaq_assets.testing.laws import EVENS, NUMBERS, Laws, failed, view


class ViewLaws(Laws):
    """The laws of making, reading, changing and dropping views."""

    def test_a_view_of_a_view(self, numbers: Lake) -> None:
        """A view reads tables and views, and follows them when their rows change."""
        numbers.good(view())
        numbers.good(view("squares", "SELECT n * n AS n FROM evens", inputs=(EVENS,)))
        assert numbers.ask("SELECT n FROM squares", Ref("squares", "view")) == [(4,)]
        numbers.good(Load("n,name\n4,four\n", columns_of({"n": "bigint", "name": "varchar"}), NUMBERS))
        assert numbers.ask("SELECT n FROM squares", Ref("squares", "view")) == [(16,)]

    def test_a_view_that_breaks_its_contract(self, numbers: Lake) -> None:
        """A view whose SQL has other columns than declared is refused, naming them; the old view stays."""
        numbers.good(view())
        ticket = numbers.do(view(sql="SELECT n / 2e0 AS n, name FROM numbers"))
        failed(ticket, f"{numbers.home.database}.evens", "n: is double, expected bigint", "name: is new")
        failed(numbers.do(view(columns=columns_of({"n": "bigint", "m": "bigint"}))), "m: is missing")
        assert numbers.ask("SELECT n FROM evens", EVENS) == [(2,)]

    def test_a_view_that_is_there_can_be_left(self, numbers: Lake) -> None:
        """With replace=False an existing view stays as it is, and a missing view is made."""
        numbers.good(view(replace=False))
        numbers.good(view(sql="SELECT n FROM numbers", replace=False))
        assert numbers.ask("SELECT n FROM evens", EVENS) == [(2,)]

    def test_a_view_without_its_table(self, lake: Lake) -> None:
        """A view of a missing table fails with the table's name."""
        failed(lake.do(view()), f"'{lake.home.database}.numbers'")

    def test_sql_the_engine_refuses(self, numbers: Lake) -> None:
        """The engine's message about unknown columns and functions is one line."""
        failed(numbers.do(view(sql="SELECT nope FROM numbers")), "nope")
        failed(numbers.do(view(sql="SELECT no_such_function(n) AS n FROM numbers")), "no_such_function")
        failed(numbers.do(view(sql="SELECT n FROM numbers ((")))

    def test_what_a_view_is_now(self, numbers: Lake) -> None:
        """view() returns the operation that would make the view again; None for tables and unknown names."""
        numbers.good(view())
        at = numbers.home.locate(EVENS)
        made = numbers.platform.view(at)
        assert made is not None
        assert (made.sql, pairs(made.columns)) == (view().sql, (("n", "bigint"),))
        assert [ref.table for ref in made.inputs] == [f"{numbers.home.database}.numbers"]
        numbers.platform.drop_view(at)
        assert numbers.platform.view(at) is None
        assert numbers.platform.submit(made).state == "succeeded"
        assert numbers.platform.view(at) == made
        assert numbers.platform.view(numbers.home.locate(NUMBERS)) is None

    def test_the_views_of_a_database(self, numbers: Lake) -> None:
        """views() lists the views of one database by name, in order, without tables."""
        assert list(numbers.platform.views("nowhere")) == []
        numbers.good(view("odds"))
        numbers.good(view())
        assert list(numbers.platform.views(numbers.home.database)) == ["evens", "odds"]
        numbers.platform.drop_view(numbers.home.locate(Ref("odds", "view")))
        assert list(numbers.platform.views(numbers.home.database)) == ["evens"]

    def test_views_that_read_each_other(self, numbers: Lake) -> None:
        """A cycle of views is refused when it is made or when it is read, not followed without end."""
        numbers.good(view("first"))
        numbers.good(view("second", "SELECT n FROM first", inputs=(Ref("first", "view"),)))
        ticket = numbers.do(view("first", "SELECT n FROM second", inputs=(Ref("second", "view"),)))
        if ticket.state == "succeeded":
            failed(numbers.do(Query("q", "SELECT n FROM second", (Ref("second", "view"),))), "itself")

    def test_a_long_chain_of_views(self, numbers: Lake) -> None:
        """A chain of thirty views can be read."""
        below = NUMBERS
        for depth in range(30):
            numbers.good(view(f"v{depth}", f"SELECT n FROM {below.asset}", inputs=(below,)))
            below = Ref(f"v{depth}", "view")
        assert numbers.ask("SELECT count(*) FROM v29", below) == [(3,)]

    def test_a_sum_of_whole_numbers_is_a_bigint(self, numbers: Lake) -> None:
        """A sum of whole numbers is a bigint, as in Trino."""
        total = view("total", "SELECT sum(n) AS n FROM numbers")
        numbers.good(total)
        contract = Query("c", "SELECT * FROM total LIMIT 0", (total.into,), "contract", total.columns)
        numbers.good(contract)
        assert numbers.ask("SELECT n FROM total", total.into) == [(6,)]

    def test_dropping_twice(self, numbers: Lake) -> None:
        """Dropping a missing view does nothing, and tables stay."""
        at = numbers.home.locate(EVENS)
        numbers.platform.drop_view(at)
        numbers.good(view())
        numbers.platform.drop_view(at)
        numbers.platform.drop_view(at)
        failed(numbers.do(Query("q", "SELECT n FROM evens", (EVENS,))), f"'{numbers.home.database}.evens'")
        assert numbers.ask("SELECT count(*) FROM numbers", NUMBERS) == [(3,)]

    def test_a_view_in_another_environment(self, numbers: Lake) -> None:
        """An environment that reads the tables of another has views of its own over them."""
        prod = Lake(numbers.platform, numbers.home.sibling("prod"))
        prod.good(view())
        assert prod.ask("SELECT n FROM evens", EVENS) == [(2,)]
        assert list(prod.platform.views(prod.home.database)) == ["evens"]
        assert list(numbers.platform.views(numbers.home.database)) == []
