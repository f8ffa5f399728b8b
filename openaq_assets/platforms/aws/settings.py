"""The settings of an AWS account below ``aws:`` in a profile of environments.yaml."""

from dataclasses import dataclass, field
from typing import Literal

from openaq_assets.graph.environment import Profile
from openaq_assets.graph.fields import field_doc


@dataclass(frozen=True, slots=True)
class Aws:
    """The AWS account that the platform ``aws`` uses; an empty ``region`` is that of the default chain.

    ``connection`` is Airflow's, used inside its tasks; elsewhere, or if there is none, the default credential
    chain. ``catalog: crawler`` costs about $0.15 whenever there is something to register, ``partitions``
    nothing; ``transform: glue`` about $0.02 a run, ``local`` (Polars on this host) nothing.
    """

    region: str = field(
        default="",
        metadata=field_doc("The region; empty: what the default chain of AWS says.", "ap-southeast-1"),
    )
    connection: str = field(
        default="aws_default",
        metadata=field_doc(
            "The connection of Airflow that tasks use; elsewhere the default chain of AWS is used.",
            "aws_default",
        ),
    )
    transform: Literal["glue", "local"] = field(
        default="glue",
        metadata=field_doc(
            "The engine that turns raw objects into Parquet: a Glue job, or Polars on this host (free)."
        ),
    )
    catalog: Literal["crawler", "partitions"] = field(
        default="crawler",
        metadata=field_doc(
            "The way tables are registered: by a Glue crawler, or partition by partition (free)."
        ),
    )
    job: str = field(
        default="openaq_raw_to_dev", metadata=field_doc("The name of the Glue job.", "openaq_raw_to_dev")
    )
    crawler: str = field(
        default="openaq_dev_processed",
        metadata=field_doc("The name of the Glue crawler.", "openaq_dev_processed"),
    )
    workgroup: str = field(
        default="openaq",
        metadata=field_doc("The workgroup of Athena, which limits what a query may scan.", "openaq"),
    )


def aws_of(profile: Profile) -> Aws:
    """Return the AWS settings of a profile."""
    settings: Aws = profile.settings.get("aws", Aws())
    return settings
