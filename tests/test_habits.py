"""Checks that keep the repository in order: workflows, hooks of commits, forms, and notes for newcomers."""

import re
import subprocess
import tokenize
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
# What a job may ask for; anything else needs a reason here.
GRANTS = {
    ("release.yml", "publish"): {"contents": "write", "id-token": "write", "attestations": "write"},
}


def jobs() -> list[Any]:
    """Every job of every workflow, as a test parameter."""
    return [
        pytest.param(path, name, job, id=f"{path.stem}-{name}")
        for path in WORKFLOWS for name, job in _load(path)["jobs"].items()
    ]


def _load(path: Path) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def _targets() -> set[str]:
    return set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_do_nothing_by_itself(path: Path) -> None:
    """No permission is given to a whole workflow, and no event runs code of a stranger with rights."""
    workflow = _load(path)
    assert workflow["permissions"] == {}
    events = workflow[True]  # YAML reads `on` so
    assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(events)


@pytest.mark.parametrize(("path", "name", "job"), jobs())
def test_a_job_has_the_least_permissions(path: Path, name: str, job: dict[str, Any]) -> None:
    """A job reads the repository, unless it is one of those that are known to need more; it ends in time."""
    assert job["permissions"] == GRANTS.get((path.name, name), {"contents": "read"})
    assert job["timeout-minutes"] <= 90
    assert job["runs-on"] == "ubuntu-24.04"


@pytest.mark.parametrize(("path", "name", "job"), jobs())
def test_a_job_that_may_write_runs_nothing_of_the_project(path: Path, name: str, job: dict[str, Any]) -> None:
    """A job that may write neither checks out the code nor calls make."""
    if set(job["permissions"].values()) == {"read"}:
        return
    for step in job["steps"]:
        assert "make " not in step.get("run", "")
        assert "actions/checkout" not in step.get("uses", "")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_digest(path: Path) -> None:
    """Each action stands with the digest of a commit and the version that it is; one version of each everywhere."""
    uses = re.findall(r"(?m)^\s*(?:- )?uses: (.*)$", path.read_text(encoding="utf-8"))
    assert uses
    for text in uses:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", text), text


def test_an_action_has_one_version() -> None:
    """All workflows use the same version of an action."""
    pins: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        for action, pin in re.findall(r"uses: ([^@\s]+)@(.*)", path.read_text(encoding="utf-8")):
            pins.setdefault(action, set()).add(pin)
    assert {action: len(digests) for action, digests in pins.items()} == dict.fromkeys(pins, 1)


@pytest.mark.parametrize(("path", "name", "job"), jobs())
def test_workflows_call_make_as_a_person_does(path: Path, name: str, job: dict[str, Any]) -> None:
    """Commands are targets of the Makefile; only the job that publishes, and has no code, calls another tool."""
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands
    for command in commands:
        match = re.match(r"make ([a-z-]+)(?: |$)", command)
        if (path.name, name) in GRANTS:
            assert command.startswith("gh release create ")
        else:
            assert match and match[1] in _targets(), command


def test_workflows_cover_lint_tests_docs_and_release() -> None:
    """Lint, tests on every supported version of Python, docs and a release with provenance are there."""
    ci, release = (_load(ROOT / ".github/workflows" / name)["jobs"] for name in ("ci.yml", "release.yml"))
    assert list(ci) == ["lint", "tests", "docs"]
    assert ci["tests"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert release["publish"]["needs"] == ["test", "build"]
    assert any("attest-build-provenance" in step.get("uses", "") for step in release["publish"]["steps"])


def test_no_shell_text_holds_an_expression() -> None:
    """Values of events reach a shell through variables, never as text that it would run."""
    for path in WORKFLOWS:
        for job in _load(path)["jobs"].values():
            for step in job["steps"]:
                assert "${{" not in step.get("run", ""), path


def test_make_lint_is_the_hooks_of_a_commit() -> None:
    """`make lint` runs every hook, and every hook is a tool of the lock files in .venv: nothing is fetched."""
    config = _load(ROOT / ".pre-commit-config.yaml")
    assert [repository["repo"] for repository in config["repos"]] == ["local"]
    hooks = {hook["id"]: hook for repository in config["repos"] for hook in repository["hooks"]}
    assert {"ruff-check", "ruff-format", "mypy", "imports", "codespell", "zizmor"} <= set(hooks)
    lock = (ROOT / "requirements-test.txt").read_text(encoding="utf-8")
    packages = {"lint-imports": "import-linter"}
    for hook in hooks.values():
        tool = re.match(r"\.venv/bin/([\w-]+)", hook["entry"])
        assert tool
        assert re.search(rf"(?m)^{packages.get(tool[1], tool[1])}==", lock), hook["entry"]
    assert "$(BIN)/pre-commit run --all-files" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_every_schema_has_a_hook() -> None:
    """Each committed schema checks files, and each file of conf/ is checked by one."""
    config = _load(ROOT / ".pre-commit-config.yaml")
    hooks = [hook for hook in config["repos"][0]["hooks"] if "--schemafile" in hook["entry"]]
    used = {hook["entry"].rpartition("/")[2] for hook in hooks}
    assert used == {path.name for path in (ROOT / "conf/schema").glob("*.json")}
    for base, pattern in (("conf", "**/*.yaml"), ("views/tests", "*.yaml")):
        for path in (ROOT / base).glob(pattern):
            name = str(path.relative_to(ROOT))
            assert sum(bool(re.search(hook["files"], name)) for hook in hooks) == 1, name


def test_notes_for_newcomers_are_short_and_true() -> None:
    """AGENTS.md has at most 40 lines; its files, folders and make targets are there."""
    text = (ROOT / "AGENTS.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 40
    targets = {name for line in re.findall(r"(?m)^    make ((?:[a-z]+ )+)", text) for name in line.split()}
    assert targets
    assert targets <= _targets()
    for path in re.findall(r"`([\w./-]+(?:/|\.md|\.txt|\.yaml))`", text):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"tests/\S+\.py", text):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("name", ["LICENSE", "SECURITY.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_files_that_a_visitor_looks_for(name: str) -> None:
    """The files that people and code hosts look for are there, and hold something."""
    assert len((ROOT / name).read_text(encoding="utf-8")) > 500


def test_the_license_is_the_whole_text() -> None:
    """LICENSE is Apache 2.0 from its title to its appendix."""
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert text.split()[:4] == ["Apache", "License", "Version", "2.0,"]
    assert "END OF TERMS AND CONDITIONS" in text
    assert "APPENDIX: How to apply the Apache License to your work." in text


def test_make_help_names_every_target() -> None:
    """`make help` names every target that somebody may call, and no other."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"(?m)^\.PHONY: (.*)$", text)
    done = subprocess.run(["make", "help"], check=True, capture_output=True, text=True, cwd=ROOT)
    assert {"help", *re.findall(r"(?m)^make ([a-z-]+)", done.stdout)} == set(phony.split())
    assert set(phony.split()) <= _targets()


def _comments(path: Path) -> list[tuple[int, str]]:
    with path.open("rb") as file:
        return [(token.start[0], token.string) for token in tokenize.tokenize(file.readline) if token.type == tokenize.COMMENT]


def test_every_exception_to_a_tool_has_a_reason() -> None:
    """`noqa`, `type: ignore` and `fmt: skip` name what they stop, and say why on the same line."""
    listed = subprocess.run(["git", "ls-files", "*.py"], check=True, capture_output=True, text=True, cwd=ROOT).stdout
    reasonable = r"# noqa: [A-Z]+\d+(, [A-Z]+\d+)* - \w.*|# type: ignore\[[\w, -]+\]  # \w.*|# fmt: skip  # \w.*"
    bare = [
        f"{name}:{line}: {comment}"
        for name in listed.split() if (ROOT / name).is_file()
        for line, comment in _comments(ROOT / name)
        if re.match(r"#\s*(noqa|type:\s*ignore|fmt:|pyright:|nosec|pragma)", comment) and not re.fullmatch(reasonable, comment)
    ]
    assert bare == []


def test_every_ignored_rule_has_a_reason() -> None:
    """Each rule that ruff ignores, for all files or for some, stands beside its reason."""
    text = (ROOT / "ruff.toml").read_text(encoding="utf-8")
    ignored = text[text.index("ignore = [") : text.index("[lint.mccabe]")]
    lines = [line for line in ignored.splitlines() if re.search(r'"[A-Z]+\d*"', line)]
    assert len(lines) > 30
    assert [line for line in lines if not re.search(r"# \w\S* \S+", line)] == []
