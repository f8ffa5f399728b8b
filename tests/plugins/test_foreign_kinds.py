"""Totality: a kind that raises or answers nonsense, in any of its methods, is reported at its own asset."""

from pathlib import Path

import pytest
from support.plugin_projects import HEAD, OWN, goes_on, project_with

METHODS = (
    "operations", "references", "tables", "columns", "problems", "checks", "scope", "lookback", "spread", "source",
)
ANSWERS = {
    "raises": "1 / 0", "exits": "sys.exit(3)", "endless recursion": "getattr(self, name)(asset, *more)",
    "None": "None", "text": "'text'", "number": "7", "NaN": "math.nan", "class": "Kind", "texts": "['a', 'b']",
    "list of None": "[None]", "list of NaN": "[math.nan]", "list of a class": "[Kind]", "mapping": "{'a': 1}",
    "object": "object()", "raises later": "(1 / 0 for _ in '1')", "bytes": "b'text'", "truth": "True",
}
#: What is no nonsense at all.
FITTING = {
    ("tables", "texts"), ("scope", "texts"), ("spread", "number"), ("source", "text"),
}
OWN_ASSET = "assets:\n  mine: {kind: mine}\n"
KIND = HEAD + """

@dataclass(frozen=True)
class Fields:
    pass


class Mine(Kind):
    name = "mine"
    fields = Fields

    def operations(self, asset, graph, partitions, scope):
        return []

    def NAME(self, asset, *more):
        name = "NAME"
        return ANSWER


@hookimpl
def asset_kinds():
    return [Mine()]
"""


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("method", METHODS)
def test_any_answer_of_any_method(tmp_path: Path, method: str, answer: str) -> None:
    """A kind that raises or answers wrongly gives one problem of its asset; all else is made."""
    text = KIND.replace("NAME", method).replace("ANSWER", ANSWERS[answer])
    problems, results = goes_on(project_with(tmp_path / "project", text, OWN_ASSET))
    if (method, answer) in FITTING:
        assert problems == [] and results["mine"].state in ("ok", "failed", "skipped")
    else:
        assert problems and all(line.startswith(f"{OWN}:2:") and "assets.mine.kind: its kind fails for this asset (" in line for line in problems)
        assert "mine" not in results


LATE = HEAD + """

@dataclass(frozen=True)
class Fields:
    pass


class Mine(Kind):
    name = "mine"
    fields = Fields
    partitions = "daily"

    def operations(self, asset, graph, partitions, scope):
        return ANSWER if partitions else []


@hookimpl
def asset_kinds():
    return [Mine()]
"""


@pytest.mark.parametrize("answer", [name for name in ANSWERS if name != "endless recursion"])
def test_nonsense_only_while_it_runs(tmp_path: Path, answer: str) -> None:
    """A kind that is sound until it has partitions fails its own asset in one line, and no other."""
    problems, results = goes_on(project_with(tmp_path / "project", LATE.replace("ANSWER", ANSWERS[answer]), OWN_ASSET))
    assert problems == [] and results["mine"].state == "failed"
    assert results["mine"].message.startswith("its kind 'mine' fails for this asset (") and "\n" not in results["mine"].message


OPERATIONS = {
    "a place of no environment": ("Query('q', 'SELECT 1', (Ref('a', 'view', environment='mars'),))", "there is no environment 'mars'"),
    "SQL that is a number": ("Query('q', 7, ())", ""),
    "a CSV that is no text": ("Load(None, (), Ref('a', 'reference'))", ""),
    "an operation of its own": ("Own(Ref('a', 'export'))", "the platform 'memory' cannot carry out 'Own'."),
    "not JSON": ("Load(object(), (), Ref('a', 'reference'))", "not of type Operation"),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_that_make_no_sense(tmp_path: Path, name: str) -> None:
    """An operation nobody can carry out fails its own asset only."""
    text, words = OPERATIONS[name]
    plugin = KIND.replace("def NAME(self, asset, *more)", "def operations(self, asset, *more)").replace("ANSWER", f"[{text}]")
    plugin = plugin.replace("class Fields", "class Own:\n    into: Ref\n\n\n@dataclass(frozen=True)\nclass Fields")
    imports = "from openaq_assets.graph.operations import Load, Query, Ref\n"
    problems, results = goes_on(project_with(tmp_path / "project", imports + plugin, OWN_ASSET))
    message = results["mine"].message if "mine" in results else problems[0]
    assert words in message and "\n" not in message
    assert "mine" not in results or results["mine"].state == "failed"


ATTRIBUTES = {
    "name = 7": "has the name 7", "name = 'Not A Name'": "has the name 'Not A Name'", "holds = 'sideways'": "a wrong value of holds",
    "partitions = 'hourly'": "a wrong value of partitions", "always = 'yes'": "a wrong value of always", "pool = 7": "a wrong value of pool",
    "scope = None": "it lacks scope", "name = property(lambda self: 1 / 0)": "fails (ZeroDivisionError: division by zero)",
    "fields = 7": "the fields of kind 'mine' cannot be read",
}


@pytest.mark.parametrize("line", ATTRIBUTES)
def test_attributes_that_make_no_sense(tmp_path: Path, line: str) -> None:
    """A kind with a wrong attribute is reported with its plugin, and nothing else is lost."""
    text = KIND.replace("    def NAME(self, asset, *more):\n        name = \"NAME\"\n        return ANSWER\n", f"    {line}\n")
    problems, _ = goes_on(project_with(tmp_path / "project", text))
    assert len(problems) == 1 and problems[0].startswith("plugins/asset_kinds/foreign.py:") and ATTRIBUTES[line] in problems[0]
