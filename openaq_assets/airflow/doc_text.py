"""Markdown texts that the Airflow UI shows about a DAG, a task and a problem."""

import textwrap
from collections.abc import Iterable, Sequence

from openaq_assets.errors import Problem
from openaq_assets.graph.assets import Asset, AssetGraph
from openaq_assets.graph.columns import Column
from openaq_assets.graph.jobs import Job
from openaq_assets.project.files import SETTINGS

_SHORT = 100


def job_text(name: str, job: Job, delegated: Sequence[tuple[str, str]]) -> str:
    """Return a job's description, where it is declared, and the assets whose events another job emits."""
    declared = (
        f"Declared as `jobs.{name}` in `{SETTINGS}`: assets `{job.select}`, environment "
        f"`{job.environment}`. Without dates it works on {job.days} days up to today (UTC)."
    )
    meaning = (
        "Every task is one asset and does only what is missing or stale; a *skipped* task was "
        f"up to date or not selected. The same by hand: `openaq-assets run --job {name}`; what "
        f"would run, and why: `openaq-assets plan --job {name}`."
    )
    lines = [job.description or f"The job {name}.", "", declared, "", meaning]
    if delegated:
        lines += ["", "The first job in the alphabet sends the asset events:"]
        lines += [f"- `{key}` by `{owner}`" for key, owner in delegated]
    return "\n".join(lines)


def asset_text(asset: Asset, graph: AssetGraph) -> str:
    """Return an asset's description, where it is declared, and its columns."""
    prints = graph.fingerprints[asset.key]
    # No line number: an edit elsewhere in the file would change this DAG's version.
    facts = [f"kind `{asset.kind.name}`", f"declared in `{asset.at.path}`"]
    facts.append(f"fingerprint `{prints}`")
    if asset.partitions:
        facts.append(f"partitions `{asset.partitions}`")
    text = f"{asset.common.description}\n\n{', '.join(facts)}."
    columns = graph.columns(asset.key)
    return f"{text}\n\n{_table(columns)}" if columns else text


def _table(columns: Iterable[Column]) -> str:
    cells = ((column.name, column.type, _cell(column.unit), _cell(column.description)) for column in columns)
    rows = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join(["| column | type | unit | meaning |", "| --- | --- | --- | --- |", *rows])


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def problems_text(problems: Iterable[Problem]) -> str:
    """Return problems as plain lines, for a log or Airflow's list of import errors."""
    return "\n".join(str(problem) for problem in problems)


def broken_text(what: str, problems: Sequence[Problem]) -> str:
    """Return problems as the page of a placeholder DAG."""
    lines = "\n".join(f"    {problem}" for problem in problems)
    return f"`{what}` cannot be used:\n\n{lines}\n\nFix these problems, and this DAG disappears."


def shortened(problems: Sequence[Problem]) -> str:
    """Return the first problem in a few words, and the number of the others."""
    text = textwrap.shorten(problems[0].message, _SHORT, placeholder=" ...")
    return text if len(problems) == 1 else f"{text} (and {len(problems) - 1} more)"
