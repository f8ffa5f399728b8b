"""The built-in platforms, registered through the same hooks as those of plugins."""

from collections.abc import Sequence

from openaq_assets.graph.extensions import ConfFile, ProfileSettings
from openaq_assets.markers import hookimpl
from openaq_assets.platforms import PlatformType
from openaq_assets.platforms.aws.settings import Aws


@hookimpl
def platforms() -> Sequence[PlatformType]:
    """Return the built-in platforms."""
    here = __package__
    return [
        PlatformType("local", "files, Polars and DuckDB", f"{here}.local.platform:open_local"),
        PlatformType("aws", "S3, Glue and Athena", f"{here}.aws.platform:open_aws"),
        PlatformType("memory", "everything in this process, for tests", f"{here}.local.memory:open_memory"),
    ]


@hookimpl
def profile_settings() -> Sequence[ProfileSettings]:
    """Return the settings of an AWS account."""
    return [ProfileSettings("aws", Aws)]


@hookimpl
def conf_files() -> Sequence[ConfFile]:
    """Return the file of AWS prices, by which the cost of runs is estimated."""
    return [ConfFile("rates", f"{__package__}.aws.prices:Rates")]
