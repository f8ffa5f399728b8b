"""The platforms that come with the package, as a plugin provides its own."""

from collections.abc import Sequence

from openaq_assets.hooks import hookimpl
from openaq_assets.platforms import PlatformType


@hookimpl
def platforms() -> Sequence[PlatformType]:
    """The built-in platforms."""
    here = __package__
    return [
        PlatformType("local", "files, Polars and DuckDB", f"{here}.local:open_local"),
        PlatformType("aws", "S3, Glue and Athena", f"{here}.aws:open_aws"),
        PlatformType(
            "memory", "everything in this process, for tests", f"{here}.memory:open_memory"
        ),
    ]
