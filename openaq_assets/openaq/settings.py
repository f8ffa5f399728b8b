"""The settings of the OpenAQ API below ``api:`` in a profile of environments.yaml."""

from dataclasses import dataclass, field
from typing import Literal

from openaq_assets.errors import FieldError
from openaq_assets.graph.environment import Environment


@dataclass(frozen=True, slots=True)
class Api:
    """The OpenAQ API as this deployment uses it. ``key`` comes from the environment, never from YAML.

    ``without_key: simulate`` answers from the bundled simulator (synthetic data) when there is no key.
    ``archive_*`` say where the open-data bucket is; an empty ``archive_endpoint`` is AWS itself.
    """

    url: str = "https://api.openaq.org/v3"
    key: str = field(default="", repr=False)
    without_key: Literal["fail", "simulate"] = "fail"
    requests_per_minute: int = 60
    requests_per_hour: int = 2000
    concurrency: int = 8
    archive_bucket: str = "openaq-data-archive"
    archive_endpoint: str = ""
    archive_region: str = "us-east-1"

    def __post_init__(self) -> None:
        least = {"requests_per_minute": 0, "requests_per_hour": 0, "concurrency": 1}  # 0: no limit
        for name, low in least.items():
            if (value := getattr(self, name)) < low:
                raise FieldError(name, f"expected {low} or more, got {value}.", "Correct the number.")


def api_of(environment: Environment) -> Api:
    """Return the API settings of an environment's profile."""
    settings: Api = environment.profile.settings.get("api", Api())
    return settings
