"""Laws of prices: more never costs less, and what is used together costs what it costs apart."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.projects import REPOSITORY

from openaq_assets.graph.columns import Column, Name
from openaq_assets.graph.operations import (
    CreateView,
    Load,
    Operation,
    Query,
    Recipe,
    Ref,
    Register,
    Transform,
)
from openaq_assets.openaq.operations import Fetch
from openaq_assets.openaq.usage import usage_of_fetch
from openaq_assets.platforms.aws.prices import (
    AthenaRates,
    GlueRates,
    HostRates,
    Known,
    Rates,
    S3Rates,
    Usage,
    dollars,
    keeping,
    shown,
)
from openaq_assets.platforms.aws.prices import usage_of as usage_in_aws
from openaq_assets.platforms.aws.settings import Aws
from openaq_assets.project.project import load

REF = Ref("a", "processed")
usage_of = partial(usage_in_aws, own={Fetch: usage_of_fetch})
OPERATIONS: dict[str, Operation] = {
    "fetch": Fetch("hours", ("country=VN",), REF),
    "transform": Transform(REF, Recipe("results", ()), REF, REF),
    "register": Register(()),
    "load": Load("a\n1\n", (Column(Name("a"), "bigint"),), REF),
    "view": CreateView(REF, "SELECT 1", (), ()),
    "query": Query("q", "SELECT 1", (REF,)),
}
amounts = st.floats(0, 1e12, allow_nan=False)
usages = st.builds(Usage, *[amounts] * len(fields(Usage)))
price = st.floats(0, 100, allow_nan=False)
rates = st.builds(
    Rates, st.just(1), st.dates(), st.builds(GlueRates, price, st.integers(1, 10), st.integers(0, 900), st.integers(0, 900)),
    st.builds(AthenaRates, price, st.integers(0, 10**9)), st.builds(S3Rates, price, price, price),
    st.just(HostRates({})),
)
settings = st.builds(
    Aws, transform=st.sampled_from(["glue", "local"]), catalog=st.sampled_from(["crawler", "partitions"])
)
sizes = st.floats(0, 1e9, allow_nan=False)
knowns = st.builds(Known, sizes, sizes, sizes, sizes, sizes, st.booleans())
operations = st.sampled_from(sorted(OPERATIONS)).map(OPERATIONS.__getitem__)


@given(usages, usages, rates)
def test_additive(usage: Usage, other: Usage, at: Rates) -> None:
    """Used together it costs, and to keep costs, what it costs apart."""
    together = usage + other
    assert math.isclose(dollars(together, at), dollars(usage, at) + dollars(other, at), rel_tol=1e-9, abs_tol=1e-12)
    assert math.isclose(keeping(together, at), keeping(usage, at) + keeping(other, at), rel_tol=1e-9, abs_tol=1e-12)


@given(usages, st.integers(0, 400), rates)
def test_additive_in_repetitions(usage: Usage, number: int, at: Rates) -> None:
    """So many times as much costs so many times as much."""
    assert math.isclose(dollars(usage.times(number), at), number * dollars(usage, at), rel_tol=1e-9, abs_tol=1e-12)


@given(usages, usages, rates)
def test_monotone(usage: Usage, more: Usage, at: Rates) -> None:
    """More of anything never costs less, and nothing costs nothing."""
    assert dollars(usage + more, at) >= dollars(usage, at) >= 0
    assert dollars(Usage(), at) == keeping(Usage(), at) == 0


@given(operations, st.integers(1, 31), st.integers(0, 400), knowns, settings, rates)
def test_monotone_in_days(operation: Operation, days: int, more: int, known: Known, aws: Aws, at: Rates) -> None:
    """More days of an operation never cost less."""
    less = usage_of(operation, days, known, aws, at)
    assert dollars(usage_of(operation, days + more, known, aws, at), at) >= dollars(less, at) >= 0


@given(operations, st.integers(1, 31), knowns, sizes, st.sampled_from(["objects", "bytes", "seconds", "table_bytes", "table_files"]), settings, rates)
def test_monotone_in_what_is_known(
    operation: Operation, days: int, known: Known, more: float, what: str, aws: Aws, at: Rates
) -> None:
    """Larger or slower partitions never cost less; a measured second replaces a guess, so that compares measured."""
    base = replace(known, measured=True, seconds=known.seconds + 1)
    grown = replace(base, **{what: getattr(base, what) + more})
    assert dollars(usage_of(operation, days, grown, aws, at), at) >= dollars(usage_of(operation, days, base, aws, at), at)


@given(operations, st.integers(1, 31), knowns, rates)
def test_free_settings_are_never_dearer(operation: Operation, days: int, known: Known, at: Rates) -> None:
    """Polars on the host and direct registration cost at most what Glue and the crawler do."""
    free = usage_of(operation, days, known, Aws(transform="local", catalog="partitions"), at)
    paid = usage_of(operation, days, known, Aws(), at)
    assert dollars(free, at) <= dollars(paid, at)
    assert free.job_seconds == free.crawler_seconds == 0


@pytest.mark.parametrize(
    ("operation", "days", "known", "cents"),
    [  # two DPUs at $0.44: 90 s of a job, the least crawl, the least query with its requests
        ("transform", 1, Known(objects=0, seconds=90, measured=True), 2.2),
        ("register", 1, Known(), 14.67),
        ("query", 1, Known(table_bytes=0, table_files=0), 0.006),
        ("query", 1, Known(table_bytes=10**12, table_files=0), 500.0),
        ("fetch", 1, Known(objects=198), 0.1),
    ],
)
def test_known_prices(operation: str, days: int, known: Known, cents: float) -> None:
    """The prices of AWS's own pages come out: a run of the job, a crawl, a query, two hundred writes."""
    at = load(REPOSITORY).conf("rates")
    assert at is not None
    estimate = dollars(usage_of(OPERATIONS[operation], days, known, Aws(), at), at) * 100
    assert estimate == pytest.approx(cents, rel=0.01)


@pytest.mark.parametrize(("amount", "text"), [(0, "$0"), (0.004, "< $0.01"), (0.147, "$0.15"), (1234.5, "$1,234.50")])
def test_shown(amount: float, text: str) -> None:
    """Dollars as people read them: what costs something is never shown as nothing."""
    assert shown(amount) == text
