"""A small sound project beside one plugin that may do anything: what is sound must go on."""

import logging
import zlib
from collections.abc import Mapping
from pathlib import Path

from click.testing import CliRunner

from openaq_assets.cli.main import cli
from openaq_assets.project.project import Project, load
from openaq_assets.runs.context import Result, open_run
from openaq_assets.runs.plan import make_request
from openaq_assets.runs.run import run_all
from openaq_assets.testing.lake import memory_root
from support.projects import write_files

PLUGIN = "plugins/asset_kinds/foreign.py"
OWN = "conf/assets/own.yaml"
SOUND_ASSETS = ("codes", "coded", "copied")
_ASSETS = """assets:
  codes: {kind: reference, file: conf/codes.csv, columns: [{name: n, type: bigint}]}
  coded: {kind: view, sql: views/coded.sql, columns: [{name: n, type: bigint}]}
  copied: {kind: copy, table: codes}
"""
_COPY = '''"""A sound plugin, which no other may keep from its work."""

from dataclasses import dataclass

from openaq_assets import Kind, Name, Query, Ref, Reference, hookimpl, table_ref


@dataclass(frozen=True)
class Fields:
    table: Name


class Copy(Kind):
    name = "copy"
    fields = Fields

    def references(self, asset):
        return [Reference(asset.spec.table, is_table=True)]

    def operations(self, asset, graph, partitions, scope):
        table = asset.spec.table
        return [Query(asset.key, f"SELECT * FROM {table}", (table_ref(graph, table),), into=Ref(asset.key, "export"))]


@hookimpl
def asset_kinds():
    return [Copy()]
'''
_COMMANDS = ("plan", "list", "graph", "plugins", "show coded", "--help")
HEAD = "import math\nimport sys\nfrom dataclasses import dataclass\nfrom openaq_assets import Kind, hookimpl\n"


def project_with(root: Path, plugin: str, own: str = "", more: Mapping[str, str] | None = None) -> Path:
    """Return a project of sound assets, a plugin of any text, and assets of its own."""
    places = (
        f"version: 1\nprofiles:\n  local: {{platform: memory, root: {memory_root()}}}\n"
        "environments:\n  dev: {database: tiny_dev}\n  prod: {database: tiny_prod, tables_from: dev}\n"
    )
    files = {
        "conf/environments.yaml": places, "conf/assets/raw.yaml": _ASSETS, "conf/codes.csv": "n\n1\n2\n",
        "views/coded.sql": "SELECT n FROM codes\n", "plugins/asset_kinds/sound_copy.py": _COPY, PLUGIN: plugin,
    }
    own_files = {OWN: own} if own else {}
    return write_files(root, {**files, **own_files, **(more or {})})


def problems_of(root: Path) -> list[str]:
    """Return the problems of a project as they are printed."""
    return [str(problem) for problem in load(root, strict=False).problems]


def ran(project: Project) -> dict[str, Result]:
    """Return what became of every asset."""
    run = open_run(project, make_request(project.graph))
    return {result.asset: result for result in run_all(run, tuple(project.graph.assets))}


def goes_on(root: Path) -> tuple[list[str], dict[str, Result]]:
    """Return the problems and results of a project whose sound part must be whole, made and listed."""
    project = load(root, strict=False)
    for problem in project.problems:
        assert problem.path in (PLUGIN, OWN) and problem.line > 0 and problem.message and problem.hint, problem
    assert set(SOUND_ASSETS) <= project.graph.assets.keys(), project.problems
    level, logger = logging.root.level, logging.getLogger("openaq_assets")
    logger.setLevel(logging.CRITICAL)
    try:
        results = ran(project)
    finally:
        logger.setLevel(level)
    assert {key: results[key].state for key in SOUND_ASSETS} == dict.fromkeys(SOUND_ASSETS, "ok"), results
    for line in ("check", _COMMANDS[zlib.crc32((root / PLUGIN).read_bytes()) % len(_COMMANDS)]):
        done = CliRunner().invoke(cli, ["--project", str(root), *line.split()], prog_name="openaq-assets")
        assert done.exception is None or isinstance(done.exception, SystemExit), (line, done.exception)
        assert done.exit_code in (0, 1), (line, done.output)
    return [str(problem) for problem in project.problems], results
