"""The use of an AWS account by the operations of OpenAQ."""

from openaq_assets.openaq.operations import Fetch, Publish
from openaq_assets.platforms.aws.prices import Known, Rates, Usage, usage_of
from openaq_assets.platforms.aws.settings import Aws


def usage_of_fetch(operation: Fetch, days: int, known: Known, aws: Aws, rates: Rates) -> Usage:
    """Return the usage of a fetch: it lists a day's stored answers, and writes each page once."""
    return Usage(writes=(known.objects + 2) * days, reads=days, kept=known.bytes * days)


def usage_of_publish(operation: Publish, days: int, known: Known, aws: Aws, rates: Rates) -> Usage:
    """Return the usage of a page: its queries, and one object."""
    queries = (usage_of(query, days, known, aws, rates) for query in operation.queries)
    return sum(queries, Usage(writes=1))
