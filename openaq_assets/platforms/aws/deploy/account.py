"""An AWS account through boto3: one client per service, for the region and bucket of a profile."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from openaq_assets.errors import PlatformError, SelectionError
from openaq_assets.graph.environment import Environment
from openaq_assets.platforms.aws.errors import ask, asking
from openaq_assets.platforms.aws.settings import Aws, aws_of

PROFILE = "aws"
KEY_PARAMETER = "/openaq/api-key"
SCRIPT = "glue_jobs/openaq_raw_to_dev.py"
CODE = "code"  # the prefix of all uploaded code
STACK_TEMPLATE = "infra/openaq.yaml"


@dataclass(frozen=True)
class Account:
    """An account, and the names that a project uses in it."""

    root: Path
    environment: Environment
    clients: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def settings(self) -> Aws:
        """Return the AWS settings of the profile."""
        return aws_of(self.environment.profile)

    @property
    def bucket(self) -> str:
        """Return the name of the bucket."""
        return self.environment.root.removeprefix("s3://").partition("/")[0]

    @cached_property
    def _session(self) -> Any:
        import boto3

        return boto3.Session()  # not that of the process, which keeps its first credentials

    @cached_property
    def region(self) -> str:
        """Return the region; raise PlatformError if none is set."""
        region = self.settings.region or self._session.region_name
        if not region:
            raise PlatformError("no region is set. Set OPENAQ_REGION or AWS_DEFAULT_REGION.")
        return str(region)

    def client(self, service: str) -> Any:
        """Return the client of a service, made once."""
        if service not in self.clients:
            with asking(f"reach {service}"):
                self.clients[service] = self._session.client(service, region_name=self.region)
        return self.clients[service]

    def ask(self, what: str, service: str, call: str, /, *absent: str, **arguments: Any) -> Any:
        """Return the result of a call, None for an error code of ``absent``; raise PlatformError."""
        return ask(what, getattr(self.client(service), call), *absent, **arguments)

    @cached_property
    def identity(self) -> tuple[str, str]:
        """Return the account's number and the ARN of the caller; raise PlatformError without credentials."""
        identity = self.ask("ask who we are", "sts", "get_caller_identity")
        return identity["Account"], identity["Arn"]

    @property
    def databases(self) -> tuple[str, ...]:
        """Return the databases of all environments, in order."""
        return tuple(sorted({str(sibling.database) for sibling in self.environment.siblings.values()}))


def open_account(root: Path, environment: Environment, profile: str) -> Account:
    """Return the account of an environment; raise SelectionError if its profile is not on AWS."""
    if environment.profile.platform != "aws" or not environment.root.startswith("s3://"):
        raise SelectionError(f"profile '{profile}' is not on AWS. Use --profile {PROFILE}.")
    return Account(root, environment)
