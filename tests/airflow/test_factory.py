"""The DAGs are the graph: every edge, every asset once, the same from the same files, mistakes in sight."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openaq_assets.airflow.factory import build_dags, find_problems
from openaq_assets.project.project import load

pytestmark = pytest.mark.xdist_group("airflow")


def edges(dag: Any) -> set[tuple[str, str]]:
    """Return every (upstream, downstream) pair of tasks."""
    return {(task.task_id, down) for task in dag.tasks for down in task.downstream_task_ids}


def stored(dag: Any) -> str:
    """Return the DAG as Airflow keeps it, without the path of the file that made it."""
    from airflow.serialization.serialized_objects import DagSerialization

    body = DagSerialization.serialize_dag(dag)
    for name in ("fileloc", "relative_fileloc"):
        body.pop(name, None)
    assert_plain(body)
    return json.dumps(body, sort_keys=True, default=str)


def assert_plain(value: Any) -> None:
    """Fail for a subclass of str: the DAG processor cannot send it, and says so to nobody."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            assert_plain(inner)
            assert type(key) is str or type(key).__name__ == "Encoding", repr(key)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for inner in value:
            assert_plain(inner)
    elif isinstance(value, str):
        assert type(value) is str or type(value).__module__.startswith("airflow."), repr(value)


# --- this project --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ours() -> Any:
    """Return the main job's DAG of this project."""
    return build_dags(Path(__file__).resolve().parents[2])["openaq_ingestion"]


def test_main_job_is_the_graph(ours: Any) -> None:
    """One task per asset of the job, an edge per edge of the graph, an outlet per task."""
    project = load(Path(__file__).resolve().parents[2])
    keys = project.keys("openaq_ingestion")
    assert ours.task_ids and set(ours.task_ids) == set(keys)
    assert edges(ours) == {pair for pair in project.graph.edges if set(pair) <= set(keys)}
    for task in ours.tasks:
        assert [asset.name for asset in task.outlets] == [f"dev.{task.task_id}"]
        assert {asset.name for asset in task.inlets} == {
            f"dev.{up}" for up in project.graph.upstream[task.task_id]
        }
        assert task.trigger_rule == "none_failed"


def test_form_offers_what_exists(ours: Any) -> None:
    """The form's choices are the locations and assets declared; every field may be left empty."""
    params = ours.params
    assert list(params) == ["from", "to", "locations", "only", "force"]
    assert params.get_param("locations").schema["items"]["enum"] == ["cmt8", "vietnam"]
    assert set(params.get_param("only").schema["items"]["enum"]) == set(ours.task_ids)
    params.validate()


def test_task_page_says_what_the_asset_is(ours: Any) -> None:
    """A task's page has the description, the file, the fingerprint and the columns."""
    text = ours.get_task("view_daily_average").doc_md
    assert "One row per location and local day" in text
    assert "conf/assets/views.yaml" in text
    assert "| avg_pm25 | double | µg/m³ |" in text


def test_api_tasks_wait_for_each_other(ours: Any) -> None:
    """Tasks that ask the API share one slot, because they share one rate limit."""
    pools = {task.task_id: task.pool for task in ours.tasks}
    assert {key for key, pool in pools.items() if pool == "openaq_api"} == {"locations_raw", "measurements_raw"}


def test_stored_dag_knows_no_machine(ours: Any) -> None:
    """The stored DAG holds no folder of this machine, so it is the same on all machines."""
    assert str(Path(__file__).resolve().parents[2]) not in stored(ours)


def test_nothing_deprecated_and_nothing_heavy() -> None:
    """A DAG file imports no engine, and no name Airflow is about to drop."""
    code = (
        "import sys, warnings\n"
        "from airflow.utils.deprecation_tools import DeprecatedImportWarning\n"
        "warnings.simplefilter('error', DeprecatedImportWarning)\n"
        "from openaq_assets.airflow.factory import build_dags\n"
        "assert 'openaq_ingestion' in build_dags(sys.argv[1])\n"
        "import openaq_assets.airflow.assets, openaq_assets.airflow.timetable\n"
        "print(sorted({'polars', 'duckdb', 'boto3', 'pyarrow', 'pandas'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).resolve().parents[2])],
        env=dict(os.environ), check=False, capture_output=True, text=True, timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_task_builds_only_its_own_dag(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that starts a task of one job does not build the others."""
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "second")
    add_jobs(project, second="select: kind:reference")
    assert list(build_dags(project.root)) == ["second"]


# --- other projects ------------------------------------------------------------------------------


def add_jobs(project: Any, **jobs: str) -> None:
    """Append jobs to conf/openaq.yaml."""
    with (project.root / "conf/openaq.yaml").open("a", encoding="utf-8") as file:
        for name, fields in jobs.items():
            file.write(f"  {name}: {{{fields}}}\n")


def test_one_job_tells_of_an_asset(project: Any) -> None:
    """If two jobs have the same asset, the first by name has the outlet, and the other's page says so."""
    add_jobs(project, a_first="select: cities", z_last="select: cities")
    dags = build_dags(project.root)
    outlets = {name: [asset.name for asset in dags[name].get_task("cities").outlets] for name in ("a_first", "z_last")}
    assert outlets == {"a_first": ["dev.cities"], "z_last": []}
    assert "`cities` by `a_first`" in dags["z_last"].doc_md


@pytest.mark.parametrize(
    ("schedule", "timetable"),
    [
        ("manual", "ManualPartitionTimetable"),
        ("0 0 * * *", "CronPartitionTimetable"),
        ("5 * * * *", "CronTriggerTimetable"),
    ],
)
def test_schedule_becomes_a_timetable(project: Any, schedule: str, timetable: str) -> None:
    """By hand and at midnight runs have a day as key; another cron's have none."""
    add_jobs(project, job=f"select: cities, schedule: '{schedule}'")
    dag = build_dags(project.root)["job"]
    assert type(dag.timetable).__name__ == timetable
    assert stored(dag)


def test_schedule_that_never_comes_is_broken(project: Any) -> None:
    """A schedule on the 31st of February is a placeholder, not a DAG that waits for ever."""
    add_jobs(project, job="select: cities, schedule: '0 0 31 2 *'")
    assert "never occurs" in build_dags(project.root)["job"].dag_display_name


BREAKS: Mapping[str, tuple[str, str, str]] = {
    "misspelt field": ("conf/assets/exports.yaml", "order_by:", "order_bye:"),
    "not YAML": ("conf/assets/exports.yaml", "assets:", "assets: ["),
    "unknown reference": ("conf/assets/exports.yaml", "table: view_latest_aqi", "table: view_nowhere"),
    "broken view": ("conf/assets/views.yaml", "sql: views/view_stations.sql", "sql: views/missing.sql"),
    "broken raw": ("conf/assets/raw.yaml", "inventory: locations_raw", "inventry: locations_raw"),
    "broken reference": ("conf/assets/reference.yaml", "kind: reference", "kind: referense"),
    "broken jobs": ("conf/openaq.yaml", "days: 3 ", "days: three "),
    "no jobs": ("conf/openaq.yaml", "version: 1", "version: ["),
    "broken places": ("conf/environments.yaml", "version: 1", "version: ["),
    "broken locations": ("conf/locations.yaml", "country: VN", "country: Vietnam"),
    "broken plugin": ("plugins/asset_kinds/export.py", "class Export(Kind):", "class Export(Kind:"),
}


@pytest.mark.parametrize("case", BREAKS)
def test_broken_file_is_a_visible_dag(project: Any, case: str) -> None:
    """A broken file of any kind gives a DAG that shows it and fails, and an import error with file and line."""
    path, old, new = BREAKS[case]
    add_jobs(project, cities_only="select: cities")
    project.edit(path, old, new)
    dags = build_dags(project.root)
    broken = {name: dag for name, dag in dags.items() if "broken" in dag.tags}
    assert broken
    texts = "\n".join(dag.get_task("configuration_error").problems for dag in broken.values())
    assert path in texts
    assert set(texts.splitlines()) == set(find_problems(project.root).splitlines())
    if path not in ("conf/openaq.yaml", "conf/assets/reference.yaml"):
        assert "broken" not in dags["cities_only"].tags
    for dag in dags.values():
        assert stored(dag)


def test_broken_job_keeps_its_name(project: Any) -> None:
    """A job whose assets are broken keeps its DAG's name, as a placeholder that says why."""
    add_jobs(project, stations="select: +view_stations")
    project.edit("conf/assets/views.yaml", "sql: views/view_stations.sql", "sql: views/missing.sql")
    dags = build_dags(project.root)
    assert dags["stations"].dag_display_name.startswith("⚠ stations: ")
    assert "views/missing.sql" in dags["broken__conf_assets_views_yaml"].dag_display_name
    assert "views/missing.sql" in dags["broken__conf_assets_views_yaml"].doc_md


def test_no_project_is_a_placeholder(tmp_path: Path) -> None:
    """A folder without a project gives one DAG that says what is missing."""
    dags = build_dags(tmp_path)
    assert len(dags) == 1
    assert "broken" in next(iter(dags.values())).tags


# --- laws ----------------------------------------------------------------------------------------


@st.composite
def declared(draw: st.DrawFn) -> dict[str, list[str]]:
    """Return assets in some order, where each reads some of the assets before it."""
    names = draw(st.lists(st.from_regex(r"[a-e][a-e0-9]{0,3}", fullmatch=True), unique=True, min_size=1, max_size=7))
    return {name: draw(st.lists(st.sampled_from(names[:n]), unique=True)) if n else [] for n, name in enumerate(names)}


def write_project(root: Path, assets: Mapping[str, list[str]], order: random.Random) -> Path:
    """Write a project of reference tables that read each other, declared in some order."""
    (root / "conf/assets").mkdir(parents=True)
    (root / "conf/reference").mkdir()
    (root / "conf/reference/x.csv").write_text("a\n1\n", encoding="utf-8")
    (root / "conf/locations.yaml").write_text("locations:\n  vn: {country: VN}\n", encoding="utf-8")
    (root / "conf/environments.yaml").write_text(
        "version: 1\nprofiles:\n  local: {platform: local, root: lake}\n"
        "environments:\n  dev: {database: d}\n",
        encoding="utf-8",
    )
    (root / "conf/openaq.yaml").write_text(
        "version: 1\nproject: small\njobs:\n  all: {select: '*'}\n", encoding="utf-8"
    )
    entries = [
        f"  {key}: {{kind: reference, file: conf/reference/x.csv, inputs: [{', '.join(ups)}], "
        "columns: [{name: a, type: bigint}]}\n"
        for key, ups in assets.items()
    ]
    order.shuffle(entries)
    (root / "conf/assets/all.yaml").write_text("assets:\n" + "".join(entries), encoding="utf-8")
    return root


@settings(max_examples=25, deadline=None)
@given(declared())
def test_faithfulness(assets: dict[str, list[str]]) -> None:
    """DAG edges are graph edges, and every asset is one task."""
    with tempfile.TemporaryDirectory() as folder:
        root = write_project(Path(folder), assets, random.Random(0))
        dag = build_dags(root)["all"]
        assert set(dag.task_ids) == set(assets)
        assert edges(dag) == {(up, key) for key, ups in assets.items() for up in ups}


@settings(max_examples=15, deadline=None)
@given(declared(), st.integers(1, 999))
def test_determinism(assets: dict[str, list[str]], seed: int) -> None:
    """The order of entries does not change the stored DAG by a byte."""
    with tempfile.TemporaryDirectory() as first_folder, tempfile.TemporaryDirectory() as second_folder:
        first = build_dags(write_project(Path(first_folder), assets, random.Random(0)))["all"]
        other = build_dags(write_project(Path(second_folder), assets, random.Random(seed)))["all"]
        assert stored(first) == stored(other)


def test_locality(project: Any) -> None:
    """Describing one asset anew changes nothing in the stored DAG but that asset's task."""
    before = json.loads(stored(build_dags(project.root)["openaq_ingestion"]))
    project.edit("conf/assets/reference.yaml", "assets:\n", "# a line more\nassets:\n")
    project.edit("conf/assets/reference.yaml", "City centres;", "Centres of cities;")
    after = json.loads(stored(build_dags(project.root)["openaq_ingestion"]))
    changed = [
        pair["__var"]["task_id"]
        for pair, other in zip(before.pop("tasks"), after.pop("tasks"), strict=True)
        if pair != other
    ]
    assert changed == ["cities"]
    assert before == after


def test_stored_dag_does_not_depend_on_the_hash_seed(project: Any) -> None:
    """Two processes with other hash seeds store the same DAG."""
    code = (
        "import json, sys\n"
        "from openaq_assets.airflow.factory import build_dags\n"
        "from airflow.serialization.serialized_objects import DagSerialization\n"
        "body = DagSerialization.serialize_dag(build_dags(sys.argv[1])['openaq_ingestion'])\n"
        "body.pop('fileloc', None)\n"
        "print(json.dumps(body, default=str, sort_keys=True))\n"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code, str(project.root)],
            env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        ).stdout.splitlines()[-1]
        for seed in ("1", "2")
    }
    assert len(printed) == 1


def test_promote_has_a_form(project: Any) -> None:
    """One task, by hand only, with the views to choose from; a project without prod has none."""
    dag = build_dags(project.root)["openaq_promote"]
    assert [task.task_id for task in dag.tasks] == ["promote"] and dag.timetable.can_be_scheduled is False
    assert dag.params.dump() == {"action": "promote", "allow": [], "to": None}
    assert "view_latest_aqi" in dag.params.get_param("allow").schema["examples"]
    project.edit("conf/environments.yaml", "tables_from: dev", "description: alone #")
    assert "openaq_promote" not in build_dags(project.root)
