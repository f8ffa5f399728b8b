"""measuring_kit: a distribution of a third party that uses every hook, installed by pip."""

import json
from pathlib import Path

import pytest
from support.third_party import THIRD_PARTIES, Installed, install

PROJECT = THIRD_PARTIES / "measuring_kit" / "project"
pytestmark = pytest.mark.xdist_group("measuring_kit")  # they share an installation


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder the distribution is installed in."""
    return install("measuring_kit", tmp_path_factory.mktemp("measuring") / "packages")


@pytest.fixture
def fresh(packages: Path, tmp_path: Path) -> Installed:
    """Return the project before its first run."""
    return Installed.copy(PROJECT, tmp_path / "project", packages, MEASURING_ROOT=str(tmp_path / "lake"))


@pytest.fixture(scope="module")
def made(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Return the project after its first run; no test changes it."""
    folder = tmp_path_factory.mktemp("made")
    project = Installed.copy(
        PROJECT, folder / "project", packages, MEASURING_ROOT=str(folder / "lake"), MEASURING_KIT_NOTES=str(folder / "notes")
    )
    assert project.call("run", "--job", "measure").stdout.splitlines()[-1] == "4 assets: 4 made."
    return project


def rows(project: Installed, sql: str, env: str) -> object:
    """Return the answer to a query."""
    return json.loads(project.call("query", "--format", "json", "--env", env, sql).stdout)


def test_it_is_sound_and_listed(fresh: Installed) -> None:
    """The project is checked clean, and what the plugin brings is listed with its name."""
    assert fresh.call("check").stdout == "4 assets, 1 jobs: no problems.\n"
    listed = [line.split()[:2] for line in fresh.call("plugins").stdout.splitlines() if "measuring_kit" in line]
    assert listed == [
        ["kind", "series"], ["kind", "scale"], ["check", "rises"], ["handler", "Weigh"], ["handler", "Weigh"],
        ["settings", "measuring"], ["conf", "file"], ["command", "instruments"], ["hook", "airflow_operator"],
        ["hook", "materialized"],
    ]


@pytest.mark.parametrize("env", ["dev", "prod"])
def test_its_table_and_the_view_over_it(made: Installed, env: str) -> None:
    """The table of a third party's kind, and a view over it, are read in dev and in prod."""
    assert rows(made, "SELECT n, value FROM readings ORDER BY n DESC LIMIT 1", env) == [{"n": 3, "value": 3.0}]
    assert rows(made, "SELECT n, value FROM heavy ORDER BY n", env) == [{"n": 2, "value": 2.5}, {"n": 3, "value": 3.0}]


def test_a_change_of_the_view_is_promoted(fresh: Installed) -> None:
    """A view over the table reaches prod by a promotion."""
    fresh.call("run")
    fresh.edit("views/heavy.sql", "value >= 2.5", "value >= 3")
    fresh.call("run")
    assert rows(fresh, "SELECT n FROM heavy ORDER BY n", "prod") == [{"n": 2}, {"n": 3}]
    assert "replaced   heavy" in fresh.call("promote").stdout
    assert rows(fresh, "SELECT n FROM heavy", "prod") == [{"n": 3}]


def test_its_operation_is_carried_out(made: Installed) -> None:
    """The handler wrote the weight of all readings, in the unit of the profile."""
    path = Path(made.environ["MEASURING_ROOT"]) / "dev/weight/weight/weight.json"
    assert json.loads(path.read_text()) == {"weight": 9.0, "unit": "kg"}


def test_its_operation_in_memory(fresh: Installed) -> None:
    """The profile whose platform is memory has a handler, too."""
    assert fresh.call("--profile", "memory", "run").stdout.splitlines()[-1] == "4 assets: 4 made."


def test_a_platform_without_its_handler_refuses(fresh: Installed) -> None:
    """On AWS no handler can weigh: the check reports it at the asset with the remedy, and so does a run."""
    line = fresh.call("--profile", "aws", "check", code=1).stderr
    message = "the platform 'aws' cannot carry out 'Weigh'. Choose another profile, or add a handler"
    assert line.startswith("conf/assets/all.yaml:14:") and f"assets.weight.kind: {message}" in line
    environ = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "eu-west-1"}
    ran = fresh.call("--profile", "aws", "run", "weight", code=3, **environ)
    assert message in ran.stdout + ran.stderr


def test_its_check_fails_by_name(fresh: Installed) -> None:
    """Falling readings fail the check, and nothing is built on them."""
    fresh.edit("conf/assets/all.yaml", "step: 0.5", "step: -0.5")
    done = fresh.call("run", code=3)
    assert "rises readings.value: 3 rows, first n=1, value=1.0, before=1.5" in done.stdout + done.stderr


def test_its_fields_are_read_as_built_in_ones(fresh: Installed) -> None:
    """A misspelt field of a third party's kind has its place and remedy."""
    fresh.edit("conf/assets/all.yaml", "count: 4", "cuont: 4")
    assert "assets.readings.cuont: unknown field 'cuont'. Did you mean 'count'?" in fresh.call("check", code=1).stderr


def test_its_command_reads_its_file(fresh: Installed) -> None:
    """The command lists the entries of its file of conf/, and is part of the help."""
    assert fresh.call("instruments").stdout == "balance: kg, to 0.5\n"
    assert "instruments" in fresh.call("--help").stdout
    fresh.edit("conf/instruments.yaml", "precision: 0.5", "precision: much")
    assert "conf/instruments.yaml:2:" in fresh.call("check", code=1).stderr


def test_its_file_and_settings_have_a_schema(fresh: Installed, tmp_path: Path) -> None:
    """The schemas hold the file of instruments, the kinds and the settings of profiles."""
    fresh.call("schema", "--write", str(tmp_path / "schema"))
    texts = {path.name: path.read_text() for path in (tmp_path / "schema").iterdir()}
    assert json.loads(texts["instruments.schema.json"])["properties"].keys() == {"instruments"}
    assert '"measuring"' in texts["environments.schema.json"]
    assert '"series"' in texts["assets.schema.json"] and '"scale"' in texts["assets.schema.json"]


def test_its_wrapper_runs(made: Installed) -> None:
    """The wrapper is called before and after every other listener, once for each asset."""
    notes = Path(made.environ["MEASURING_KIT_NOTES"]).read_text().splitlines()
    assert sorted(notes) == sorted(f"{when} {key}" for key in ("readings", "heavy", "weight", "gate") for when in ("before", "after"))
    assert all(notes[n].replace("before", "after") == notes[n + 1] for n in range(0, len(notes), 2))


OPERATORS = """
import json, sys
from openaq_assets.airflow.factory import build_dags, find_problems
tasks = build_dags(sys.argv[1])["measure"].tasks
print(json.dumps([{task.task_id: type(task).__name__ for task in tasks}, find_problems(sys.argv[1])]))
"""


def test_its_operator_is_that_of_the_task(fresh: Installed, tmp_path: Path) -> None:
    """In Airflow a scale's task is an operator of the third party, the others are the usual ones."""
    done = fresh.python("-c", OPERATORS, str(fresh.root), AIRFLOW_HOME=str(tmp_path / "airflow"))
    usual = dict.fromkeys(("gate", "heavy", "readings"), "MaterializeOperator")
    assert json.loads(done.stdout.splitlines()[-1]) == [{**usual, "weight": "WeighOperator"}, ""]


@pytest.mark.parametrize(
    ("answer", "words"),
    [("int", "returns <class 'int'>, which is not a MaterializeOperator"), ("7", "returns 7, which is not a class of operators"),
     ("1/0", "fails (ZeroDivisionError: division by zero)")],
)
def test_a_nonsense_operator_is_a_problem_of_its_plugin(fresh: Installed, tmp_path: Path, answer: str, words: str) -> None:
    """An invalid operator is reported with the plugin's file and line, and the other tasks stay as they were."""
    path = fresh.root / "plugins/asset_kinds/wrong.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "from openaq_assets import hookimpl\n\n\n@hookimpl(tryfirst=True)\n"
        f"def airflow_operator(asset):\n    return {answer} if asset.key == 'heavy' else None\n"
    )
    done = fresh.python("-c", OPERATORS, str(fresh.root), AIRFLOW_HOME=str(tmp_path / "airflow"))
    tasks, problems = json.loads(done.stdout.splitlines()[-1])
    assert tasks == {
        "gate": "MaterializeOperator", "heavy": "BrokenOperator", "readings": "MaterializeOperator", "weight": "WeighOperator",
    }
    assert f"plugins/asset_kinds/wrong.py:{6 if '/' in answer else 4}:1: hook 'airflow_operator' {words}" in problems
