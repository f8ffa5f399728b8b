"""An account, and the command line in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result
from support import aws_account
from support.aws_account import KEYS, AwsAccount
from support.aws_endpoint import speak_to
from support.infra_fixtures import Command, without_log
from support.projects import REPOSITORY


@pytest.fixture(scope="session")
def endpoint() -> Iterator[AwsAccount]:
    """Yield an endpoint for all tests; every test gets it empty."""
    with aws_account.listening() as account:
        yield account


@pytest.fixture
def account(endpoint: AwsAccount, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> AwsAccount:
    """Yield an empty account, which boto3 finds by its environment variables."""
    endpoint.fresh()
    speak_to(endpoint.url)
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": endpoint.url}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return endpoint


@pytest.fixture
def command() -> Command:
    """Return a function that runs ``openaq-assets`` on this repository's project."""

    def run(*arguments: str, given: str = "") -> Result:
        from openaq_assets.cli.main import cli

        line = ["--project", str(REPOSITORY), "--profile", "aws", *arguments]
        return without_log(CliRunner().invoke(cli, line, input=given))

    return run
