"""The settings of an AWS account below ``aws:`` in a profile of environments.yaml."""

from dataclasses import dataclass
from typing import Literal

from openaq_assets.graph.environment import Profile


@dataclass(frozen=True, slots=True)
class Aws:
    """How the platform ``aws`` uses an account. Empty ``region``: what the default chain says.

    ``connection`` is Airflow's, used inside its tasks; elsewhere, or where there is none, the default
    credential chain. ``catalog: crawler`` costs about $0.15 whenever there is something to register,
    ``partitions`` nothing; ``transform: glue`` about $0.02 a run, ``local`` (Polars on this host) nothing.
    """

    region: str = ""
    connection: str = "aws_default"
    transform: Literal["glue", "local"] = "glue"
    catalog: Literal["crawler", "partitions"] = "crawler"
    job: str = "openaq_raw_to_dev"
    crawler: str = "openaq_dev_processed"
    workgroup: str = "openaq"


def aws_of(profile: Profile) -> Aws:
    """Return the AWS settings of a profile."""
    settings: Aws = profile.settings.get("aws", Aws())
    return settings
