"""The Air Quality Overview made of the rows that the views of environments return: for a person or a task."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import available_timezones

from openaq_assets.errors import PlatformError
from openaq_assets.graph.environment import Environment
from openaq_assets.graph.operations import Query
from openaq_assets.graph.records import Facts
from openaq_assets.openaq.dashboard.page import render
from openaq_assets.openaq.dashboard.payload import Overview, Serving
from openaq_assets.openaq.operations import Publish
from openaq_assets.openaq.source import is_synthetic
from openaq_assets.platforms import Platform, Rows, Work
from openaq_assets.platforms.results import version_of

NAME = "air_quality_overview"


def handle_publish(operation: Publish, work: Work) -> Mapping[str, Facts]:
    """Carry out a bound ``Publish``: query, draw and store.

    Raises PlatformError for a failure that may pass by itself.
    """
    overview = overview_of(work.platform, work.environment, operation, strict=True)
    body = render(overview).encode()
    work.platform.objects.put(page_uri(operation), body)
    rows = sum(len(serving.latest) + len(serving.daily) for serving in overview.environments.values())
    return {"": Facts(rows, len(body), 1, version_of(body))}


def page_uri(operation: Publish) -> str:
    """Return the URI of the page that a bound operation makes."""
    return f"{operation.into.uri}.html"


def overview_of(platform: Platform, home: Environment, operation: Publish, strict: bool = False) -> Overview:
    """Return everything that the page shows; an environment that cannot answer has a problem, not rows.

    With ``strict``, a failure that may pass by itself is raised.
    """
    parts: dict[str, dict[str, Query]] = {}
    for query in operation.queries:
        environment, _, part = query.name.rpartition(".")
        parts.setdefault(environment, {})[part] = query
    served = {name: _served(platform.read, queries, strict) for name, queries in parts.items()}
    latest = [row for serving in served.values() for row in serving.latest]
    known = available_timezones()  # a name comes from outside and may be unknown
    zones = Counter(zone for row in latest if (zone := str(row["timezone"])) in known)
    return Overview(
        generated_at=dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        synthetic=is_synthetic(home, platform.objects),
        timezone=zones.most_common(1)[0][0] if zones else Overview.timezone,
        sources=("OpenAQ API v3", *sorted({str(row["provider"]) for row in latest if row["provider"]})),
        default_environment="prod" if "prod" in served else next(iter(served)),
        environments=served,
    )


def _served(read: Callable[[Query], Rows], queries: Mapping[str, Query], strict: bool) -> Serving:
    rows: dict[str, tuple[Mapping[str, Any], ...]] = {}
    problem = ""
    for part, query in queries.items():
        try:
            answer = read(query).as_dicts()
            rows[part] = tuple({name: _plain(value) for name, value in row.items()} for row in answer)
        except PlatformError as error:
            if strict and error.retryable:
                raise
            # The hours are optional: an environment that is older than their view still has a page.
            problem = problem or ("" if part == "hours" else str(error))
    if problem:
        return Serving(problem=problem)
    return Serving(rows["latest"], rows["daily"], rows.get("hours", ()))


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return value.isoformat() if isinstance(value, dt.date) else value
