"""``openaq-assets deploy`` in an account that has the stack: shown first, done once, and never twice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.aws_account import AwsAccount, build
from support.infra_fixtures import BUCKET, Command, keys
from support.projects import REPOSITORY, copy_project
from support.stack_template import Stack


@pytest.fixture(autouse=True)
def _stack(account: AwsAccount) -> None:
    build(account, Stack())


def test_dry_run_changes_nothing(account: AwsAccount, command: Command) -> None:
    """It says what it would do, and the bucket stays empty."""
    result = command("deploy", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "+ folder dev/raw/" in result.output and "work group primary" in result.output
    assert result.output.endswith("Nothing was changed.\n")
    assert keys(account) == []


def test_it_asks_first(account: AwsAccount, command: Command) -> None:
    """Without --yes it waits for an answer, and no is no."""
    result = command("deploy", given="n\n")
    assert "Make these" in result.output and "Nothing was changed." in result.output
    assert keys(account) == []


def test_second_run_changes_nothing(account: AwsAccount, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same command a second time has nothing to change."""
    monkeypatch.setenv("OPENAQ_API_KEY", "a" * 64)
    first = command("deploy", "--yes")
    assert first.exit_code == 0 and "changes made" in first.output, first.output
    assert "a" * 64 not in first.output, "a key is never printed"
    again = command("deploy", "--yes")
    assert again.output.splitlines()[-1] == "Nothing to change."
    assert command("deploy", "--dry-run").output == again.output


def test_everything_the_instance_needs_is_there(account: AwsAccount, command: Command) -> None:
    """The bucket has the job's script, the project and the folders, and OWOX's work group has a limit."""
    command("deploy", "--yes")
    script = account.client("s3").get_object(Bucket=BUCKET, Key="code/openaq_raw_to_dev.py")["Body"].read()
    assert script == (REPOSITORY / "glue_jobs/openaq_raw_to_dev.py").read_bytes()
    stored = set(keys(account))
    below = "code/project/"
    for name in ("conf/openaq.yaml", "Dockerfile", "docker-compose.yml", "infra/ec2/openaq-up", "VERSION",
                 "openaq_assets/cli/main.py", "dags/openaq.py", "views/view_latest_aqi.sql", "requirements.txt"):
        assert below + name in stored
    assert {"dev/raw/", "dev/processed/", "prod/raw/", "prod/processed/", "athena-results/"} <= stored
    assert not [key for key in stored if "__pycache__" in key or key.endswith("openaq.env") or key.startswith("code/project/tests/")]
    primary = account.client("athena").get_work_group(WorkGroup="primary")["WorkGroup"]["Configuration"]
    assert primary["BytesScannedCutoffPerQuery"] == 1024**3
    assert primary["EnforceWorkGroupConfiguration"] is False


def test_the_bucket_has_all_that_the_image_is_made_of(account: AwsAccount, command: Command) -> None:
    """Every file and folder that the Dockerfile copies is uploaded, so that the instance can build the image."""
    command("deploy", "--yes")
    deployed = keys(account)
    for line in re.findall(r"^COPY (?!--from)(.*)$", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE):
        for source in line.split()[:-1]:
            name = f"code/project/{source}"
            assert any(key == name or key.startswith(f"{name}/") for key in deployed), source


def test_edited_and_removed_files_follow(account: AwsAccount, tmp_path: Path) -> None:
    """A changed file is uploaded, a removed file is deleted, and other files stay untouched."""
    from openaq_assets.platforms.aws.deploy.account import open_account
    from openaq_assets.platforms.aws.deploy.changes import carry_out, find_changes
    from openaq_assets.project.project import load

    root = copy_project(tmp_path / "project")
    opened = open_account(root, load(root).environment("dev", "aws"), "aws")
    for change in find_changes(opened, root, {}):
        carry_out(change)
    assert find_changes(opened, root, {}) == []
    (root / "conf/locations.yaml").write_text("locations:\n  oslo: {country: NO}\n", encoding="utf-8")
    (root / "conf/assets/exports.yaml").unlink()
    changes = [str(line) for line in find_changes(opened, root, {})]
    assert sorted(line.split(" (")[0] for line in changes) == [
        "- code/project/conf/assets/exports.yaml",
        "~ code/project/VERSION",
        "~ code/project/conf/locations.yaml",
    ]


def test_limit_of_somebody_else_stays(account: AwsAccount, command: Command) -> None:
    """An existing limit of the work group primary is kept."""
    updates = {"BytesScannedCutoffPerQuery": 50_000_000, "EnforceWorkGroupConfiguration": False}
    account.client("athena").update_work_group(WorkGroup="primary", ConfigurationUpdates=updates)
    assert "primary" not in command("deploy", "--dry-run").output


def test_key_is_kept_encrypted(account: AwsAccount, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """OPENAQ_API_KEY of the shell becomes a SecureString; without it the parameter is left alone."""
    monkeypatch.setenv("OPENAQ_API_KEY", "b" * 64)
    command("deploy", "--yes")
    parameter = account.client("ssm").get_parameter(Name="/openaq/api-key", WithDecryption=True)["Parameter"]
    assert (parameter["Type"], parameter["Value"]) == ("SecureString", "b" * 64)
    monkeypatch.delenv("OPENAQ_API_KEY")
    assert "parameter" not in command("deploy", "--dry-run").output


def test_missing_bucket_is_one_line(account: AwsAccount, command: Command) -> None:
    """Without the stack one line says how to create it, and the exit code is 3."""
    account.fresh()
    result = command("deploy", "--yes")
    assert result.exit_code == 3
    line = result.output.strip().splitlines()[-1]
    assert line.startswith(f"error: there is no bucket '{BUCKET}'. Create the stack of infra/openaq.yaml first")


def test_no_credentials_is_one_line(
    account: AwsAccount, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without credentials one line has the remedy."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    result = command("deploy", "--yes")
    assert result.exit_code == 3
    assert result.output.splitlines()[-1].startswith("error: cannot ask who we are: there are no AWS credentials.")


def test_local_profile_is_refused() -> None:
    """A profile that is not on AWS is a usage error."""
    from click.testing import CliRunner

    from openaq_assets.cli.main import cli

    result = CliRunner().invoke(cli, ["--project", str(REPOSITORY), "--profile", "local", "deploy"])
    assert (result.exit_code, result.output) == (2, "error: profile 'local' is not on AWS. Use --profile aws.\n")
