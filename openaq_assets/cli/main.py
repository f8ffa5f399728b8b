"""Define the command line: its group, and the table of commands that are imported when they are used.

Exit codes: 0 done, 1 problems, 2 wrong usage, 3 a platform failed.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import click

from openaq_assets import __version__
from openaq_assets.cli.groups import LazyCommands
from openaq_assets.graph.extensions import Command

_HERE = "openaq_assets.cli"
_MODULES = {
    "aws": ("cost", "deploy", "doctor"),
    "check": ("check",),
    "inspect": ("docs", "graph", "list", "plugins", "records", "schema", "show", "status"),
    "promotion": ("diff", "promote", "rollback"),
    "run": ("backfill", "plan", "query", "run", "test"),
}
_HELP = {
    "backfill": "Load past days of a selection and everything it is made from, oldest first.",
    "check": "Check conf/, views/ and plugins/, and print every mistake.",
    "cost": "Estimate the cost of a day, a month and a backfill on AWS, by asset.",
    "deploy": "Update the AWS account: the Glue script, conf/ and the code.",
    "diff": "Compare the views of two environments: columns, rows and values.",
    "docs": "Write the asset catalog: graph, columns, lineage, checks, materializations.",
    "doctor": "Check an AWS account and list what the pipeline still needs there.",
    "graph": "Print the asset graph as Mermaid text.",
    "list": "List assets, jobs and the entries of other files in conf/.",
    "plan": "Print what a run would do, asset by asset, and why. Changes nothing.",
    "plugins": "List everything that plugins provide, each with the name of its plugin.",
    "promote": "Replace the views of prod by those of dev, after checks.",
    "query": "Run a query in Athena SQL on the tables and views of an environment.",
    "records": "List the newest materializations of an asset, newest first.",
    "rollback": "Restore the views of prod from before its latest promotion, or an earlier state.",
    "run": "Make the missing and stale partitions of a selection or job.",
    "schema": "Print the JSON Schema of the YAML files, for completion in editors.",
    "show": "Show one asset: its definition, columns, lineage and state.",
    "status": "Show the state of every asset: made or failed, which days, when.",
    "test": "Run the SQL tests of views/tests/*.yaml.",
}
LazyCommands.built_in = {
    name: Command(name, f"{_HERE}.{module}:{name.replace('list', 'list_')}", _HELP[name])
    for module, names in _MODULES.items()
    for name in names
}
_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=LazyCommands, context_settings=_CONTEXT)
@click.version_option(__version__)
@click.option(
    "--project",
    type=click.Path(path_type=Path),
    help="The folder with conf/ (default: this folder or one above).",
)
@click.option("--profile", help="A profile of conf/environments.yaml (default: $OPENAQ_PROFILE or local).")
@click.pass_context
def cli(context: click.Context, project: Path | None, profile: str | None) -> None:
    """Declare assets in conf/, and run them here or with Airflow.

    \b
    Examples:
      openaq-assets check                          find mistakes in the project
      openaq-assets plan --from 2026-01-01         print what would run, and why
      openaq-assets run --job openaq_ingestion     run a job
      openaq-assets query "SELECT * FROM view_latest_aqi"
    """
    context.obj = {"project": project, "profile": profile}


def main(arguments: Iterable[str] | None = None) -> None:
    """Run the console script."""
    os.environ.setdefault("POLARS_MAX_THREADS", "4")
    cli(args=list(arguments) if arguments is not None else None, prog_name="openaq-assets")


if __name__ == "__main__":
    main()
