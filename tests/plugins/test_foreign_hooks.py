"""Totality: any wrong hook is reported with the file and line of its plugin, and everything else goes on."""

import re
from pathlib import Path

import pytest
from support.plugin_projects import HEAD, PLUGIN, goes_on, project_with

BRINGING = (
    "asset_kinds", "asset_checks", "platforms", "operation_handlers", "profile_settings", "conf_files", "commands",
)
LISTENING = ("materialized", "notify", "airflow_operator", "views_gate")
HOOKS = (*BRINGING, "lint_rules", *LISTENING)
ANSWERS = {
    "raises": "1 / 0", "exits": "sys.exit(3)", "None": "None", "text": "'text'", "number": "7", "NaN": "math.nan",
    "class": "Kind", "texts": "['a', 'b']", "list of classes": "[Kind]", "list of None": "[None]", "mapping": "{'a': 1}",
    "list of NaN": "[math.nan]", "object": "object()", "raises later": "(1 / 0 for _ in '1')",
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("hook", HOOKS)
def test_any_answer_of_any_hook(tmp_path: Path, hook: str, answer: str) -> None:
    """Nonsense is a problem at the hook's line; what only listens is logged."""
    text = f"{HEAD}\n\n@hookimpl(tryfirst=True)\ndef {hook}():\n    return {ANSWERS[answer]}\n"
    problems, _ = goes_on(project_with(tmp_path / "project", text))
    if hook in LISTENING or (hook, answer) == ("lint_rules", "None"):
        assert problems == []
    else:
        assert problems and all(re.match(rf"{re.escape(PLUGIN)}:[6-9]:1: hook '{hook}' (returns|fails)", line) for line in problems)


SHAPES = {
    "a class": ("@hookimpl\nclass NAME:\n    pass\n", "returns"),
    "asynchronous": ("@hookimpl\nasync def NAME():\n    return []\n", "a hook cannot be asynchronous."),
    "asynchronous generator": ("@hookimpl\nasync def NAME():\n    yield []\n", "a hook cannot be asynchronous."),
    "a function that gives a coroutine": ("async def later():\n    return []\n\n\n@hookimpl\ndef NAME():\n    return later()\n", "is asynchronous"),
    "an old wrapper": ("@hookimpl(hookwrapper=True)\ndef NAME():\n    yield\n", "hookwrapper=True is not supported."),
    "a wrapper that is no generator": ("@hookimpl(wrapper=True)\ndef NAME():\n    return []\n", "a wrapper must yield once."),
    "a wrapper that never yields": ("@hookimpl(wrapper=True)\ndef NAME():\n    if False:\n        yield\n", "does not yield"),
    "a wrapper that yields twice": ("@hookimpl(wrapper=True)\ndef NAME():\n    yield\n    yield\n", "yields more than once"),
    "a wrapper that raises before": ("@hookimpl(wrapper=True)\ndef NAME():\n    1 / 0\n    yield\n", "fails (ZeroDivisionError"),
    "a wrapper that raises after": ("@hookimpl(wrapper=True)\ndef NAME():\n    yield\n    1 / 0\n", "fails (ZeroDivisionError"),
    "a wrapper that gives nothing": ("@hookimpl(wrapper=True)\ndef NAME():\n    yield\n", "but a wrapper must return the list of results"),
    "a wrapper that gives text": ("@hookimpl(wrapper=True)\ndef NAME():\n    yield\n    return 'text'\n", "but a wrapper must return the list of results"),
    "a wrapper that gives a flat list": ("@hookimpl(wrapper=True)\ndef NAME():\n    yield\n    return [7]\n", "returns 7, which is not a list"),
    "a wrong argument": ("@hookimpl\ndef NAME(nonsense):\n    return []\n", "has no argument 'nonsense'."),
    "a misspelt hook": ("@hookimpl(specname='NAMEx')\ndef NAME():\n    return []\n", "there is no hook 'NAMEx'."),
}
#: Shapes of what is found when the plugin is loaded; the others are told only if the hook is called then.
STATIC = {name for name in SHAPES if "wrapper" not in name or name in ("an old wrapper", "a wrapper that is no generator")}
STATIC -= {"a class", "a function that gives a coroutine"}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("hook", HOOKS)
def test_any_shape_of_any_hook(tmp_path: Path, hook: str, shape: str) -> None:
    """A hook of a wrong shape is reported with the plugin's file, and its plugin is left out or harmless."""
    text, words = SHAPES[shape]
    problems, _ = goes_on(project_with(tmp_path / "project", f"{HEAD}\n\n{text.replace('NAME', hook)}"))
    if hook in LISTENING and shape not in STATIC:
        assert problems == []
    else:
        assert len(problems) == 1 and problems[0].startswith(f"{PLUGIN}:") and words.replace("NAME", hook) in problems[0]


BOUND = HEAD + """

@dataclass(frozen=True)
class Fields:
    pass


class Mine(Kind):
    name = "mine"
    fields = Fields

    def operations(self, asset, graph, partitions, scope):
        return []


class Plugin:
    @hookimpl
    def asset_kinds(self):
        return [Mine()]


asset_kinds = Plugin().asset_kinds
"""


def test_a_bound_method_is_a_hook(tmp_path: Path) -> None:
    """A method of an object works as a function does."""
    problems, results = goes_on(project_with(tmp_path / "project", BOUND, "assets:\n  mine: {kind: mine}\n"))
    assert problems == [] and results["mine"].state == "ok"


LISTENER = """import os
from openaq_assets import hookimpl


@hookimpl(MARK)
def materialized(record):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write("NAME " if record.asset == "codes" else "")
"""
OUTER = """import os
from openaq_assets import hookimpl


@hookimpl(wrapper=True)
def materialized(record):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write("before " if record.asset == "codes" else "")
    result = yield
    with open(os.environ["NOTES"], "a") as notes:
        notes.write("after " if record.asset == "codes" else "")
    return result
"""


def test_the_order_of_listeners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that want to be first are, then those loaded last, then those that want to be last; wrappers around all."""
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    marks = {"a_last": "trylast=True", "b": "", "c": "", "d_first": "tryfirst=True"}
    more = {f"plugins/asset_kinds/{name}.py": LISTENER.replace("MARK", mark).replace("NAME", name) for name, mark in marks.items()}
    goes_on(project_with(tmp_path / "project", OUTER, more=more))
    assert (tmp_path / "notes").read_text().split() == ["before", "d_first", "c", "b", "a_last", "after"]
