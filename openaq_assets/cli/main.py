"""The command line: its group and its table of commands, each imported only when it is used.

Exit codes: 0 ok, 1 problems, 2 usage, 3 platform.
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
    "backfill": "Fetch history: a selection and everything it is made from, oldest days first.",
    "check": "Say every mistake in conf/, views/ and plugins/, with its place and remedy.",
    "cost": "Price a day, a month and a backfill on AWS, asset by asset.",
    "deploy": "Bring the AWS account up to date: the Glue script, conf and code.",
    "diff": "Compare the views of two environments: columns, rows, keys, differences.",
    "docs": "Write the asset catalog: graph, columns, lineage, checks, materializations.",
    "doctor": "Look at an AWS account and say what the pipeline still needs there.",
    "graph": "Print the graph as Mermaid text.",
    "list": "List assets, jobs and what else conf/ declares.",
    "plan": "Say what a run would do, asset by asset, and why. Changes nothing.",
    "plugins": "List what every plugin provides, and which plugin it is.",
    "promote": "Serve dev's views from prod: compare, check, replace, validate.",
    "query": "Ask the tables and views of an environment, in Athena SQL.",
    "records": "List the newest materializations of an asset, newest first.",
    "rollback": "Serve what prod served before its latest promotion, or an earlier one.",
    "run": "Make what is missing or stale of a selection or job.",
    "schema": "Print the JSON Schema of the YAML files, for completion in editors.",
    "show": "Show one asset: definition, columns, lineage and what the ledger knows.",
    "status": "Say how every asset stands: made or failed, for which days, when.",
    "test": "Run the tests of views/tests/*.yaml: rows in, the rows that must come out.",
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
    "--project", type=click.Path(path_type=Path), help="The folder with conf/ (default: here or above)."
)
@click.option("--profile", help="A profile of conf/environments.yaml (default: $OPENAQ_PROFILE or local).")
@click.pass_context
def cli(context: click.Context, project: Path | None, profile: str | None) -> None:
    """Assets as a graph: declared in conf/, run here or by Airflow.

    \b
    Examples:
      openaq-assets check                          is the project sound?
      openaq-assets plan --from 2026-01-01         what would run, and why
      openaq-assets run --job openaq_ingestion     run it
      openaq-assets query "SELECT * FROM view_latest_aqi"
    """
    context.obj = {"project": project, "profile": profile}


def main(arguments: Iterable[str] | None = None) -> None:
    """Run the console script."""
    os.environ.setdefault("POLARS_MAX_THREADS", "4")
    cli(args=list(arguments) if arguments is not None else None, prog_name="openaq-assets")


if __name__ == "__main__":
    main()
