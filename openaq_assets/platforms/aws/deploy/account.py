"""The account as boto3 sees it: one client per service, for the region and bucket of a profile."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from openaq_assets.errors import PlatformError, SelectionError
from openaq_assets.graph.environment import Environment
from openaq_assets.platforms.aws.errors import asking
from openaq_assets.platforms.aws.settings import Aws, aws_of
from openaq_assets.project.project import Project

PROFILE = "aws"
KEY_PARAMETER = "/openaq/api-key"
SCRIPT = "glue_jobs/openaq_raw_to_dev.py"
CODE = "code"  # the prefix of everything that is run
STACK_TEMPLATE = "infra/openaq.yaml"


@dataclass(frozen=True)
class Account:
    """An account, and the names that a project uses in it."""

    project: Project
    place: Environment
    clients: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def settings(self) -> Aws:
        return aws_of(self.place.profile)

    @property
    def bucket(self) -> str:
        return self.place.root.removeprefix("s3://").partition("/")[0]

    @cached_property
    def _session(self) -> Any:
        import boto3

        return boto3.Session()  # not the one of the process, which keeps the first credentials it saw

    @cached_property
    def region(self) -> str:
        """The region; raises PlatformError if nothing names one."""
        found = self.settings.region or self._session.region_name
        if not found:
            raise PlatformError("no region is set. Set OPENAQ_REGION or AWS_DEFAULT_REGION.")
        return str(found)

    def client(self, service: str) -> Any:
        """The client of a service, made once."""
        if service not in self.clients:
            with asking(f"reach {service}"):
                self.clients[service] = self._session.client(service, region_name=self.region)
        return self.clients[service]

    @cached_property
    def identity(self) -> tuple[str, str]:
        """The account's number and who we are in it; raises PlatformError without valid credentials."""
        with asking("ask who we are"):
            found = self.client("sts").get_caller_identity()
        return found["Account"], found["Arn"]

    @property
    def databases(self) -> tuple[str, ...]:
        return tuple(sorted({str(one.database) for one in self.place.siblings.values()}))


def open_account(project: Project, profile: str | None) -> Account:
    """The account of a profile (``aws`` if none is named); raises SelectionError if it is not on AWS."""
    chosen = profile or PROFILE
    place = project.environment("dev", chosen)
    if place.profile.platform != "aws" or not place.root.startswith("s3://"):
        raise SelectionError(f"profile '{chosen}' is not on AWS. Use --profile {PROFILE}.")
    return Account(project, place)
