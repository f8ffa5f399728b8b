"""Each hook works as documented: one test with the name of each, on a small project with one plugin."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.plugin_projects import HEAD, PLUGIN, goes_on, problems_of, project_with

from openaq_assets.cli.main import cli
from openaq_assets.project.project import load
from openaq_assets.runs.context import open_run
from openaq_assets.runs.plan import make_request
from openaq_assets.runs.run import run_all

OWN_ASSET = "assets:\n  mine: {kind: letter, text: hello}\n"
LETTERS = (
    HEAD
    + """from openaq_assets import Facts, OperationHandler, Ref


@dataclass(frozen=True)
class Fields:
    text: str


@dataclass(frozen=True)
class Letter:
    into: Ref
    text: str


class LetterKind(Kind):
    name = "letter"
    fields = Fields

    def operations(self, asset, graph, partitions, scope):
        return [Letter(Ref(asset.key, "export"), asset.spec.text)]


def write(operation, work):
    body = operation.text.encode()
    work.platform.objects.put(f"{operation.into.uri}/letter.txt", body)
    return {"": Facts(bytes=len(body), objects=1)}


@hookimpl
def asset_kinds():
    return [LetterKind()]


@hookimpl
def operation_handlers():
    return [OperationHandler(Letter, "memory", f"{__name__}:write")]
"""
)


def invoke(root: Path, *arguments: str) -> str:
    """Return what a command prints in a project; it must succeed."""
    done = CliRunner().invoke(cli, ["--project", str(root), *arguments], prog_name="openaq-assets")
    assert done.exit_code == 0, done.output
    return done.output


def test_hook_asset_kinds(tmp_path: Path) -> None:
    """A kind that a plugin returns is read from YAML with its own fields, and its assets are made."""
    root = project_with(tmp_path / "project", LETTERS, OWN_ASSET)
    problems, results = goes_on(root)
    assert problems == [] and results["mine"].state == "ok"
    assert load(root).graph["mine"].spec.text == "hello"


def test_hook_operation_handlers(tmp_path: Path) -> None:
    """A handler carries out its operation on the platform it names, and its facts are in the ledger."""
    root = project_with(tmp_path / "project", LETTERS, OWN_ASSET)
    project = load(root)
    run = open_run(project, make_request(project.graph))
    (result,) = run_all(run, ("mine",))
    assert result.state == "ok"
    record = run.ledger.latest("mine")
    assert record is not None and (record.facts.bytes, record.facts.objects) == (5, 1)


def test_hook_asset_checks(tmp_path: Path) -> None:
    """A check that a plugin returns is compiled to SQL, and rows that it selects make its asset fail."""
    plugin = HEAD + (
        "from openaq_assets import CheckType\n\n\n"
        "def odd(check, table, columns):\n"
        "    return f'SELECT {check.column} FROM {table} WHERE {check.column} % 2 = 1'\n\n\n"
        "@hookimpl\ndef asset_checks():\n    return [CheckType('even', 'Every column is even.', odd, ('column',))]\n"
    )
    own = "assets:\n  numbers: {kind: reference, file: conf/codes.csv, columns: [{name: n, type: bigint}], checks: [{check: even, column: n}]}\n"
    problems, results = goes_on(project_with(tmp_path / "project", plugin, own))
    assert problems == [] and results["numbers"].state == "failed"
    assert "even" in results["numbers"].message and "1 row, first n=1" in results["numbers"].message


def test_hook_platforms(tmp_path: Path) -> None:
    """A platform that a plugin returns carries the environments of a profile that names it."""
    plugin = HEAD + (
        "from openaq_assets import PlatformType\n\n\n"
        "@hookimpl\ndef platforms():\n"
        "    return [PlatformType('shelf', 'memory under another name', 'openaq_assets.platforms.local.memory:open_memory')]\n"
    )
    root = project_with(tmp_path / "project", plugin)
    settings = root / "conf/environments.yaml"
    settings.write_text(settings.read_text().replace("platform: memory", "platform: shelf"))
    problems, results = goes_on(root)
    assert problems == [] and results["copied"].state == "ok"


def test_hook_profile_settings(tmp_path: Path) -> None:
    """Settings that a plugin returns are read from every profile; what is not given has its default."""
    plugin = HEAD + (
        "from openaq_assets import ProfileSettings\n\n\n"
        "@dataclass(frozen=True)\nclass Settings:\n    colour: str = 'blue'\n    size: int = 1\n\n\n"
        "@hookimpl\ndef profile_settings():\n    return [ProfileSettings('paint', Settings)]\n"
    )
    root = project_with(tmp_path / "project", plugin)
    settings = root / "conf/environments.yaml"
    settings.write_text(settings.read_text().replace("{platform: memory,", "{paint: {colour: red}, platform: memory,"))
    project = load(root)
    paint = project.environment("dev").profile.settings["paint"]
    assert (paint.colour, paint.size) == ("red", 1)


def test_hook_conf_files(tmp_path: Path) -> None:
    """A file that a plugin returns is read from conf/, and its mistakes are reported with their line."""
    plugin = HEAD + (
        "from openaq_assets import ConfFile\n\n\n"
        "@dataclass(frozen=True)\nclass Fields:\n    colour: str\n    size: int = 1\n\n\n"
        "@hookimpl\ndef conf_files():\n    return [ConfFile('paint', Fields)]\n"
    )
    root = project_with(tmp_path / "project", plugin, more={"conf/paint.yaml": "colour: red\nsize: big\n"})
    assert "paint.schema.json" in invoke(root, "schema", "--write", str(tmp_path / "schema"))
    done = CliRunner().invoke(cli, ["--project", str(root), "check"])
    assert done.exit_code == 1
    assert "conf/paint.yaml:2:7: size: expected a whole number, got 'big'." in done.output


def test_hook_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that a plugin returns is in the help of openaq-assets, and runs."""
    (tmp_path / "greeting_command.py").write_text("import click\n\n\n@click.command()\ndef greet():\n    click.echo('hello')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    plugin = HEAD + (
        "from openaq_assets import Command\n\n\n"
        "@hookimpl\ndef commands():\n    return [Command('greet', 'greeting_command:greet', 'Say hello.')]\n"
    )
    root = project_with(tmp_path / "project", plugin)
    monkeypatch.chdir(root)
    assert "greet" in CliRunner().invoke(cli, ["--help"]).output
    assert invoke(root, "greet") == "hello\n"


def test_hook_lint_rules(tmp_path: Path) -> None:
    """A problem that a rule finds in the graph is reported by openaq-assets check."""
    plugin = HEAD + (
        "\n\n@hookimpl\ndef lint_rules(graph):\n"
        "    return [asset.at.problem(f'assets.{asset.key}', 'it has no owner.', 'Add an owner.') for asset in graph if asset.key == 'coded']\n"
    )
    problems = problems_of(project_with(tmp_path / "project", plugin))
    assert problems == ["conf/assets/raw.yaml:3:3: assets.coded: it has no owner. Add an owner."]


_OPERATORS = """
import json, sys
from openaq_assets.airflow.factory import build_dags
dags = build_dags(sys.argv[1])
print(json.dumps({task.task_id: type(task).__name__ for task in dags["daily"].tasks}))
"""


def test_hook_airflow_operator(tmp_path: Path) -> None:
    """The class that a plugin returns is the operator of that asset's task; others keep the usual one."""
    plugin = HEAD + (
        "\n\n@hookimpl\ndef airflow_operator(asset):\n"
        "    if asset.key != 'coded':\n        return None\n"
        "    from openaq_assets.airflow.operator import MaterializeOperator\n\n"
        "    class Blue(MaterializeOperator):\n        ui_color = '#0000ff'\n\n    return Blue\n"
    )
    jobs = "version: 1\nproject: tiny\njobs:\n  daily: {select: 'coded or codes'}\n"
    root = project_with(tmp_path / "project", plugin, more={"conf/openaq.yaml": jobs})
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path / "airflow")}
    done = subprocess.run(
        [sys.executable, "-c", _OPERATORS, str(root)], env=environment, capture_output=True, text=True, check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == {"codes": "MaterializeOperator", "coded": "Blue"}


def test_hook_views_gate(tmp_path: Path) -> None:
    """The gate that a plugin returns is called before a run makes or checks views of another environment."""
    plugin = HEAD + (
        "\n\nclass Closed:\n"
        "    def make_missing(self, work, views):\n        from openaq_assets.errors import PlatformError\n        raise PlatformError('the gate is closed')\n\n"
        "    def published(self, work, environment):\n        return {}\n\n"
        "    def findings(self, work, environment, known):\n        return []\n\n\n"
        "@hookimpl(tryfirst=True)\ndef views_gate():\n    return Closed()\n"
    )
    own = (
        "assets:\n  gate: {kind: check, environment: prod, bootstrap: true, tables: [coded], checks: [{check: row_count}]}\n"
    )
    root = project_with(tmp_path / "project", plugin, own)
    assert load(root).plugins.manager.hook.views_gate().__class__.__name__ == "Closed"
    done = CliRunner().invoke(cli, ["--project", str(root), "run", "+gate"])
    assert done.exit_code == 3 and "error: the gate is closed" in done.output


_NOTES = "import os\n" + HEAD
_NOTE = "    with open(os.environ['NOTES'], 'a') as notes:\n        notes.write({text} + '\\n')\n"


def test_hook_materialized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hook is called once for every asset that was made, with its record, after the record is in the ledger."""
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    plugin = _NOTES + "\n\n@hookimpl\ndef materialized(record):\n" + _NOTE.format(text="record.asset + ' ' + record.state")
    goes_on(project_with(tmp_path / "project", plugin))
    notes = (tmp_path / "notes").read_text().splitlines()
    assert {"codes ok", "coded ok", "copied ok"} <= set(notes) and len(notes) == len(set(notes)), notes


def test_hook_notify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hook is called once for a run that failed, with the assets that failed and the profile."""
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    plugin = _NOTES + "\n\n@hookimpl\ndef notify(alert, profile):\n" + _NOTE.format(
        text="' '.join([alert.level, *alert.assets, profile.platform])"
    )
    own = "assets:\n  none: {kind: reference, file: conf/codes.csv, columns: [{name: n, type: bigint}], checks: [{check: row_count, min: 9}]}\n"
    root = project_with(tmp_path / "project", plugin, own)
    done = CliRunner().invoke(cli, ["--project", str(root), "run"])
    assert done.exit_code != 0
    assert (tmp_path / "notes").read_text().splitlines() == ["failed none memory"]


def test_every_hook_has_a_test() -> None:
    """The hooks that can be implemented are exactly those that have a test here, and each is on its page."""
    from infra.reference.hooks import signature, signatures

    page = (Path(__file__).resolve().parents[2] / "docs/reference/hooks.md").read_text(encoding="utf-8")
    hooks = signatures()
    assert {f"test_hook_{name}" for name in hooks} == {name for name in globals() if name.startswith("test_hook_")}
    for name, node in hooks.items():
        assert f"## {name}\n\n```py\n{signature(node)}\n```" in page
    assert PLUGIN.startswith("plugins/")
