"""docker-compose.yml and Dockerfile: valid, small, closed, pinned, and saying only what Airflow understands."""

from __future__ import annotations

import fnmatch
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema.validators import validator_for
from support.projects import REPOSITORY

from infra.memory.compose import bytes_of, services
from openaq_assets.airflow.standalone import PROCESSES, settings

COMPOSE = REPOSITORY / "docker-compose.yml"
AIRFLOW = ("migrate", "api-server", "scheduler", "dag-processor")
LONG_LIVED = ("postgres", "api-server", "scheduler", "dag-processor")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """Return the content of the file."""
    return dict(yaml.safe_load(COMPOSE.read_text(encoding="utf-8")))


def test_it_is_valid(compose: dict[str, Any]) -> None:
    """The Compose Specification's own schema accepts it."""
    text = (files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text()
    schema = json.loads(text)
    validator = validator_for(schema)(schema)
    assert [error.message for error in validator.iter_errors(compose)] == []
    broken = {**compose, "services": {"a": {"image": "b", "mem_limits": "1g"}}}
    assert list(validator.iter_errors(broken)), "the check above can fail"


def test_services_are_few(compose: dict[str, Any]) -> None:
    """Postgres, three processes of Airflow and a migration are all: no Redis, Celery or triggerer."""
    assert tuple(compose["services"]) == ("postgres", *AIRFLOW)
    commands = [" ".join(compose["services"][name]["command"]) for name in AIRFLOW[1:]]
    assert sorted(commands) == sorted(f"airflow {name}" for name in PROCESSES), "the same as on the laptop"


@pytest.mark.parametrize("name", LONG_LIVED)
def test_each_is_limited_watched_and_restarted(compose: dict[str, Any], name: str) -> None:
    """Every service has a memory limit and a health check, and restarts after a reboot."""
    service = compose["services"][name]
    assert 100 * 2**20 <= bytes_of(service["mem_limit"]) <= 700 * 2**20
    assert service["healthcheck"]["test"][0] == "CMD" and service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", AIRFLOW)
def test_each_is_without_rights(compose: dict[str, Any], name: str) -> None:
    """No service is root or has capabilities or can gain rights; the project is mounted read-only."""
    service = compose["services"][name]
    assert service["user"] == "50000:0"
    assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service and "network_mode" not in service
    mounts = [mount for mount in service["volumes"] if mount.startswith("./")]
    assert mounts and all(mount.endswith(":ro") for mount in mounts)


def test_ui_is_on_loopback_and_nothing_else_is_published(compose: dict[str, Any]) -> None:
    """Only the UI's port is published, and only to this machine."""
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published == {"api-server": ["127.0.0.1:8080:8080"]}


def test_images_are_pinned(compose: dict[str, Any]) -> None:
    """Every image has a full version, so a later start uses the same image."""
    images = [service["image"] for service in compose["services"].values()]
    images += re.findall(r"^FROM (\S+)", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE)
    for image in images:
        assert re.search(r":\d+\.\d+(\.\d+)?(-[\w.-]+)?$", image), image


def test_secrets_are_files(compose: dict[str, Any]) -> None:
    """No setting holds a secret: each is a file outside the image, and no database address has a password."""
    assert all(set(secret) == {"file"} for secret in compose["secrets"].values())
    for service in compose["services"].values():
        for name, value in service["environment"].items():
            if re.search(r"KEY|SECRET|PASSWORD|TOKEN", name):
                assert value.startswith(("/run/secrets/", "/opt/airflow/")), name
    assert "@" in (address := compose["x-settings"]["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
    assert ":" not in address.partition("//")[2].partition("@")[0]
    for folder in (".gitignore", ".dockerignore"):
        text = (REPOSITORY / folder).read_text()
        assert "secrets" in text or text.splitlines()[1] == "*"


def test_start_order(compose: dict[str, Any]) -> None:
    """The database starts before its migration, that before the API, and the API before its clients."""
    needs = {name: compose["services"][name]["depends_on"] for name in AIRFLOW}
    assert needs["migrate"] == {"postgres": {"condition": "service_healthy"}}
    assert needs["api-server"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert needs["scheduler"] == needs["dag-processor"] == {"api-server": {"condition": "service_healthy"}}


def test_airflow_knows_every_setting(compose: dict[str, Any]) -> None:
    """Each variable is an option of the installed Airflow: a misspelt one would silently do nothing."""
    import airflow

    text = (Path(airflow.__file__).parent / "config_templates/config.yml").read_text(encoding="utf-8")
    known = yaml.safe_load(text)
    for name in compose["x-settings"]:
        if match := re.fullmatch(r"AIRFLOW__([A-Z_]+?)__([A-Z_]+)", name):
            assert match[2].lower() in known[match[1].lower()]["options"], name


def test_settings_are_those_of_the_laptop(compose: dict[str, Any], tmp_path: Path) -> None:
    """The compose file has the memory settings of `make airflow`, except that a laptop runs two tasks at a time."""
    settings_of_compose = compose["x-settings"]
    shared = {
        "core": ("executor", "mp_start_method", "load_examples", "dags_are_paused_at_creation"),
        "api": ("workers",),
        "dag_processor": ("parsing_processes",),
        "scheduler": ("scheduler_idle_sleep_time",),
        "state_store": ("clear_on_success",),
    }
    laptop = settings(REPOSITORY, tmp_path, 8080)
    for section, names in shared.items():
        for name in names:
            assert settings_of_compose[f"AIRFLOW__{section}__{name}".upper()] == str(laptop[section][name]), name
    assert int(settings_of_compose["AIRFLOW__CORE__PARALLELISM"]) <= int(str(laptop["core"]["parallelism"])) <= 2


def test_every_setting_that_saves_memory_says_why() -> None:
    """Every memory setting of the services and of Postgres has a comment."""
    lines = COMPOSE.read_text(encoding="utf-8").splitlines()
    start = next(n for n, line in enumerate(lines) if "one small machine (measured" in line)
    end = next(n for n, line in enumerate(lines) if "what Airflow should be" in line)
    block = [line.strip() for line in lines[start + 1 : end]]
    runs = "".join("#" if line.startswith("#") else "." for line in block)
    assert runs.startswith("#") and "..." not in runs, "no setting is far from its reason"
    for name in ("PARALLELISM", "MP_START_METHOD", "API__WORKERS", "PARSING_PROCESSES", "PYTHONOPTIMIZE", "POOL_SIZE"):
        assert any(name in line for line in block), name


def test_a_service_is_read_as_compose_reads_it() -> None:
    """`make memory` starts the services of the file, with anchors, defaults and sizes filled in."""
    declared = services(COMPOSE, {"OPENAQ_SECRETS": "/x"})
    assert declared["scheduler"].command == ("airflow", "scheduler", "--skip-serve-logs")
    assert declared["scheduler"].environment["AIRFLOW__CORE__PARALLELISM"] == "1"
    assert declared["postgres"].limit == 160 * 2**20
    assert [name for name, service in declared.items() if service.once] == ["migrate"]


# --- the image -------------------------------------------------------------------------------------


def test_image_is_from_locks_and_not_root() -> None:
    """The image installs only locked packages by hash, compiles nothing, and does not run as root."""
    text = (REPOSITORY / "Dockerfile").read_text()
    installs = re.findall(r"pip install (.*)", text)
    assert all("--require-hashes" in install or "--no-deps /build" in install for install in installs)
    assert text.rindex("USER 50000") > text.rindex("FROM ")
    assert "ADD " not in text and "curl" not in text


def test_image_copies_what_is_there() -> None:
    """Every file that the Dockerfile copies exists and is not hidden from Docker."""
    ignored = (REPOSITORY / ".dockerignore").read_text().splitlines()
    seen = {line[1:] for line in ignored if line.startswith("!")}
    for line in re.findall(r"^COPY (?!--from)(.*)$", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE):
        for source in line.split()[:-1]:
            assert (REPOSITORY / source).exists(), source
            assert source.split("/")[0] in seen, source
    for private in ("secrets", ".venv", "lake", "openaq.env", ".git", "tests"):
        assert not any(fnmatch.fnmatch(private, path) for path in seen)


def test_image_has_the_driver_of_the_database() -> None:
    """The lock of the driver is pinned with hashes, and names no host."""
    text = (REPOSITORY / "infra/docker/requirements.txt").read_text()
    assert re.search(r"^psycopg==[\d.]+ ", text, re.MULTILINE) and "--hash=sha256:" in text
    assert "://" not in text
