"""``openaq-assets deploy``: the account as this project wants it."""

import os

import click

from openaq_assets.usage import load_project, profile_name, told

_SHOWN = 30


@click.command()
@click.option("--yes", is_flag=True, help="Do it without asking.")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@told
def deploy(yes: bool, dry_run: bool) -> None:
    """Bring the AWS account up to date: the Glue script, conf and code, and what the stack cannot make.

    Shows what it will change and asks first. Run again, it changes nothing. The stack itself
    (infra/openaq.yaml) is made before, by CloudFormation: docs/aws.md.

    \b
    Examples: openaq-assets deploy --dry-run
              OPENAQ_ROOT=s3://my-bucket openaq-assets deploy --yes
    """
    from openaq_assets.deployment.account import open_account
    from openaq_assets.deployment.changes import carry_out, find_changes, lines

    project = load_project()
    account = open_account(project, profile_name() or os.environ.get("OPENAQ_PROFILE"))
    number, _ = account.identity
    click.echo(f"Account {number}, region {account.region}, bucket {account.bucket}.")
    changes = find_changes(account, project.root, os.environ)
    if not changes:
        click.echo("Nothing to change.")
        return
    for line in lines(changes, _SHOWN):
        click.echo(f"  {line}")
    if dry_run or not (yes or click.confirm(f"Make these {len(changes)} changes?")):
        click.echo("Nothing was changed.")
        return
    for change in changes:
        carry_out(change)
    click.echo(f"{len(changes)} changes made. Check with 'openaq-assets doctor'.")
