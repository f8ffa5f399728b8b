"""Tables and partitions in the Glue catalog: by the crawler, and directly."""

from typing import Any

import pytest
from support.aws_endpoint import CRAWLER, Endpoint
from support.aws_lakes import Lakes
from support.runner_fixtures import Lake

from openaq_assets.graph.columns import Column, Name
from openaq_assets.graph.operations import Load, Ref, Register, Table
from openaq_assets.graph.partitions import segment

DAY, NEXT = "2026-01-10", "2026-01-11"
KEYS = {"year": "varchar", "month": "varchar", "day": "varchar"}


def table(**kinds: Any) -> Table:
    """Return the contract of the table of numbers."""
    columns = tuple(Column(Name(name), kind) for name, kind in (kinds or {"n": "bigint"} | KEYS).items())
    return Table(Ref("numbers", "processed"), columns, True)


def put_day(lake: Lake, day: str, like: str = "") -> None:
    """Store a file of one row for a day."""
    if not like:
        lake.good(Load("n\n7\n", (Column(Name("n"), "bigint"),), Ref("sample", "reference")))
    sample = lake.platform.objects.get(lake.home.uri("reference", "sample", "part-0.parquet"))
    lake.platform.objects.put(lake.home.uri("processed", "numbers", segment(day), "part-0.parquet"), sample)


def days(endpoint: Endpoint) -> list[str]:
    """Return the registered days."""
    partitions = endpoint.client("glue").get_partitions(DatabaseName="openaq_dev", TableName="numbers")["Partitions"]
    return sorted("-".join(partition["Values"]) for partition in partitions)


@pytest.fixture
def crawled(lake_of: Lakes) -> Lake:
    """Return a lake whose tables the crawler finds."""
    return lake_of(catalog="crawler")


# --- the crawler -----------------------------------------------------------------------------------


def test_a_crawl_where_there_is_something_to_find(crawled: Lake, endpoint: Endpoint) -> None:
    """A new day is crawled once; what is all registered is not paid for again; links lead to the crawler."""
    put_day(crawled, DAY)
    ticket = crawled.good(Register((table(),)))
    assert ticket.facts[""].objects == 1 and ticket.link.endswith(f"/crawlers/view/{CRAWLER}")
    assert endpoint.crawlers.started == 1 and days(endpoint) == [DAY]
    crawled.good(Register((table(),)))
    assert endpoint.crawlers.started == 1
    put_day(crawled, NEXT)
    crawled.good(Register((table(),)))
    assert endpoint.crawlers.started == 2 and days(endpoint) == [DAY, NEXT]
    assert crawled.ask("SELECT n, day FROM numbers ORDER BY day", table().at) == [(7, "10"), (7, "11")]


def test_without_files_there_is_nothing_to_crawl(crawled: Lake, endpoint: Endpoint) -> None:
    """A table without files is made directly: a crawler finds nothing there."""
    crawled.good(Register((table(),)))
    assert endpoint.crawlers.started == 0
    assert crawled.ask("SELECT n FROM numbers", table().at) == []


def test_a_crawl_that_is_going_already(crawled: Lake, endpoint: Endpoint) -> None:
    """It is awaited; as it had looked before our files came, a crawl of our own follows."""
    endpoint.client("glue").start_crawler(Name=CRAWLER)
    put_day(crawled, DAY)
    crawled.good(Register((table(),)))
    assert endpoint.crawlers.started == 2 and days(endpoint) == [DAY]


def test_a_crawl_that_is_going_and_finds_all(crawled: Lake, endpoint: Endpoint) -> None:
    """It is awaited; where it found all, nothing more is paid for."""
    put_day(crawled, DAY)
    endpoint.client("glue").start_crawler(Name=CRAWLER)
    crawled.good(Register((table(),)))
    assert endpoint.crawlers.started == 1 and days(endpoint) == [DAY]


def test_a_crawl_that_fails(crawled: Lake, endpoint: Endpoint) -> None:
    """Its own words come with what may help; the next run has another try."""
    put_day(crawled, DAY)
    endpoint.crawlers.fails = ["Service Principal is not authorized\nto perform: s3:ListBucket"]
    ticket = crawled.do(Register((table(),)))
    assert (ticket.state, ticket.retryable) == ("failed", True)
    assert ticket.message == (
        f"the crawler {CRAWLER} failed: Service Principal is not authorized to perform: s3:ListBucket. "
        "See its log, or set 'catalog: partitions', which needs no crawler."
    )
    crawled.good(Register((table(),)))
    assert days(endpoint) == [DAY]


def test_a_crawler_that_looks_elsewhere(crawled: Lake, endpoint: Endpoint) -> None:
    """A crawl that leaves out what is there is no success."""
    glue = endpoint.client("glue")
    glue.delete_crawler(Name=CRAWLER)
    ticket = crawled.do(Register((table(),)))
    assert ticket.state == "succeeded"
    put_day(crawled, DAY)
    ticket = crawled.do(Register((table(),)))
    assert f"the crawler {CRAWLER}: it does not exist. Run 'openaq-assets deploy'" in ticket.message
    glue.create_crawler(
        Name=CRAWLER, Role="r", DatabaseName="openaq_dev", Targets={"S3Targets": [{"Path": "s3://openaq-test/elsewhere/"}]},
        Configuration='{"Grouping": {"TableLevelConfiguration": 3}}',
    )
    ticket = crawled.do(Register((table(),)))
    assert (ticket.state, ticket.retryable) == ("failed", False)
    assert f"did not add openaq_dev.numbers {DAY}. Correct its S3 target" in ticket.message


def test_cancel_stops_a_crawl_of_ours_only(crawled: Lake, endpoint: Endpoint) -> None:
    """Cancelling a ticket does not stop a crawl that another started."""
    put_day(crawled, DAY)
    register = Register((table(),))
    from openaq_assets.graph.environment import bind

    ours = crawled.platform.submit(bind(register, crawled.home))
    theirs = crawled.platform.submit(bind(register, crawled.home))
    crawled.platform.cancel(theirs)
    assert endpoint.crawlers.crawls[CRAWLER].state == "RUNNING"
    crawled.platform.cancel(ours)
    assert endpoint.crawlers.crawls[CRAWLER].state == "READY"
    crawled.platform.cancel(ours)


# --- directly --------------------------------------------------------------------------------------


def test_a_year_of_days(lake: Lake, endpoint: Endpoint) -> None:
    """Days are registered a hundred at a time, and only those that are not."""
    put_day(lake, DAY)
    months = [f"2025-{month:02d}-{day:02d}" for month in range(1, 10) for day in range(1, 29)]
    for day in months:
        put_day(lake, day, like="the first")
    lake.good(Register((table(),)))
    sizes = [len(request["PartitionInputList"]) for request in endpoint.called("Glue.BatchCreatePartition")]
    assert sizes == [100, 100, 53] and len(days(endpoint)) == 253
    put_day(lake, NEXT, like="the first")
    lake.good(Register((table(),)))
    assert [len(request["PartitionInputList"]) for request in endpoint.called("Glue.BatchCreatePartition")][3:] == [1]
    assert lake.ask("SELECT count(*) FROM numbers", table().at) == [(254,)]
    assert endpoint.crawlers.started == 0


@pytest.mark.parametrize("catalog", ["crawler", "partitions"])
def test_a_contract_that_changed(lake_of: Lakes, endpoint: Endpoint, catalog: str) -> None:
    """The table and its days get the declared columns, even if a crawl infers others from old files."""
    lake = lake_of(catalog=catalog)
    put_day(lake, DAY)
    lake.good(Register((table(),)))
    wider = table(n="bigint", name="varchar", **KEYS)
    put_day(lake, NEXT)
    lake.good(Register((wider,)))
    assert lake.ask("SELECT n, name, day FROM numbers ORDER BY day", wider.at) == [(7, None, "10"), (7, None, "11")]
    partitions = endpoint.client("glue").get_partitions(DatabaseName="openaq_dev", TableName="numbers")["Partitions"]
    for partition in partitions:
        assert [c["Name"] for c in partition["StorageDescriptor"]["Columns"]] == ["n", "name"]


def test_only_what_is_registered_is_seen(lake: Lake) -> None:
    """As in Athena, a day that nobody registered is not there: registering is what makes it so."""
    put_day(lake, DAY)
    lake.good(Register((table(),)))
    put_day(lake, NEXT)
    assert lake.ask("SELECT count(*) FROM numbers", table().at) == [(1,)]
    lake.good(Register((table(),)))
    assert lake.ask("SELECT count(*) FROM numbers", table().at) == [(2,)]
