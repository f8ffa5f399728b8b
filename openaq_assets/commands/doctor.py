"""``openaq-assets doctor``: what an AWS account lacks, in plain words, with the fix."""

import os
import sys

import click

from openaq_assets.usage import load_project, profile_name, told


@click.command()
@click.option("--only-missing", is_flag=True, help="Only what has to be mended.")
@told
def doctor(only_missing: bool) -> None:
    """Look at an AWS account and say what the pipeline still needs there. Changes nothing.

    Exit code 1 if something is missing. A note is no reason to worry.

    \b
    Examples: openaq-assets doctor
              OPENAQ_ROOT=s3://my-bucket openaq-assets doctor --only-missing
    """
    from openaq_assets.deployment.account import open_account
    from openaq_assets.deployment.checkup import findings

    account = open_account(load_project(), profile_name() or os.environ.get("OPENAQ_PROFILE"))
    lacking = 0
    for one in findings(account):
        lacking += one.level == "missing"
        if one.level == "missing" or not only_missing:
            click.echo(str(one))
    if lacking:
        click.echo(f"{lacking} missing.")
        sys.exit(1)
    click.echo("Nothing is missing.")
