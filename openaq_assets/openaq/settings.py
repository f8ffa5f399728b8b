"""The settings of the OpenAQ API below ``api:`` in a profile of environments.yaml."""

from dataclasses import dataclass, field
from typing import Literal

from openaq_assets.errors import FieldError
from openaq_assets.graph.environment import Environment
from openaq_assets.graph.fields import field_doc


@dataclass(frozen=True, slots=True)
class Api:
    """The OpenAQ API as this deployment uses it. ``key`` comes from the environment, never from YAML.

    ``without_key: simulate`` answers from the bundled simulator (synthetic data) if there is no key.
    ``archive_*`` are the address of the open-data bucket; an empty ``archive_endpoint`` is AWS itself.
    """

    url: str = field(
        default="https://api.openaq.org/v3",
        metadata=field_doc("The address of the OpenAQ API.", "https://api.openaq.org/v3"),
    )
    key: str = field(
        default="",
        repr=False,
        metadata=field_doc("The API key, a secret: read it from a variable.", "${env:OPENAQ_API_KEY}"),
    )
    without_key: Literal["fail", "simulate"] = field(
        default="fail",
        metadata=field_doc(
            "The behaviour without a key: runs fail, or the bundled simulator answers with synthetic data."
        ),
    )
    requests_per_minute: int = field(
        default=60, metadata=field_doc("The most requests in a minute; 0: no limit.", 60)
    )
    requests_per_hour: int = field(
        default=2000, metadata=field_doc("The most requests in an hour; 0: no limit.", 2000)
    )
    concurrency: int = field(default=8, metadata=field_doc("The most requests that run at the same time.", 8))
    archive_bucket: str = field(
        default="openaq-data-archive",
        metadata=field_doc("The bucket of OpenAQ's open data.", "openaq-data-archive"),
    )
    archive_endpoint: str = field(
        default="",
        metadata=field_doc(
            "The address of another S3 that holds the bucket; empty: AWS.", "http://127.0.0.1:9000"
        ),
    )
    archive_region: str = field(
        default="us-east-1", metadata=field_doc("The region of the bucket.", "us-east-1")
    )

    def __post_init__(self) -> None:
        least = {"requests_per_minute": 0, "requests_per_hour": 0, "concurrency": 1}  # 0: no limit
        for name, low in least.items():
            if (value := getattr(self, name)) < low:
                raise FieldError(name, f"expected {low} or more, got {value}.", "Write a larger number.")


def api_of(environment: Environment) -> Api:
    """Return the API settings of an environment's profile."""
    settings: Api = environment.profile.settings.get("api", Api())
    return settings
