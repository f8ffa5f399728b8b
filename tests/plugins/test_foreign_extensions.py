"""Totality: handlers, settings, files of conf/, commands and platforms of plugins that raise or answer nonsense."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from support.plugin_projects import HEAD, PLUGIN, goes_on, project_with

from openaq_assets.cli.main import cli
from openaq_assets.platforms import PlatformType
from openaq_assets.project.project import load

OWN_ASSET = "assets:\n  mine: {kind: mine}\n"
OWN_OPERATION = HEAD + """from openaq_assets import OperationHandler, Ref


@dataclass(frozen=True)
class Own:
    into: Ref


@dataclass(frozen=True)
class Fields:
    pass


class Mine(Kind):
    name = "mine"
    fields = Fields

    def operations(self, asset, graph, partitions, scope):
        return [Own(Ref(asset.key, "export"))]


def handle(operation, work):
    return ANSWER


@hookimpl
def asset_kinds():
    return [Mine()]


@hookimpl
def operation_handlers():
    return [OperationHandler(Own, "memory", TARGET)]
"""
ANSWERS = {
    "raises": "1 / 0", "exits": "sys.exit(3)", "None": "None", "text": "'text'", "number": "7", "class": "Kind",
    "mapping of nothing": "{'': None}", "keys that are numbers": "{7: 7}", "later": "(1 / 0 for _ in '1')",
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_any_answer_of_a_handler(tmp_path: Path, answer: str) -> None:
    """A handler that raises or answers wrongly gives a failed ticket: its asset fails with one line."""
    text = OWN_OPERATION.replace("ANSWER", ANSWERS[answer]).replace("TARGET", 'f"{__name__}:handle"')
    problems, results = goes_on(project_with(tmp_path / "project", text, OWN_ASSET))
    assert problems == [] and results["mine"].state == "failed"
    assert results["mine"].message and "\n" not in results["mine"].message


@pytest.mark.parametrize("target", ["'no.such.module:handle'", "'math:nothing'", "'math'", "''", "'math:pi'"])
def test_a_handler_that_is_not_there(tmp_path: Path, target: str) -> None:
    """A handler that cannot be imported or called fails its asset, and only that."""
    text = OWN_OPERATION.replace("TARGET", target)
    problems, results = goes_on(project_with(tmp_path / "project", text, OWN_ASSET))
    assert problems == [] and results["mine"].state == "failed" and "\n" not in results["mine"].message


BROUGHT = {
    "a handler of an instance": ("operation_handlers", "OperationHandler(7, 'local', 'a:b')", "returns OperationHandler with a wrong value of operation"),
    "a handler of a number": ("operation_handlers", "OperationHandler(Kind, 7, 'a:b')", "with a wrong value of platform"),
    "a check without a function": ("asset_checks", "CheckType('odd', 'x', None)", "with a wrong value of compile"),
    "a check with text for fields": ("asset_checks", "CheckType('odd', 'x', print, needs='column')", "with a wrong value of needs"),
    "a check of a wrong name": ("asset_checks", "CheckType('Odd One', 'x', print)", "has the name 'Odd One'"),
    "a platform of instances": ("platforms", "PlatformType('duck', 'x', 'a:b', operations=(7,))", "with a wrong value of operations"),
    "settings of a number": ("profile_settings", "ProfileSettings('mine', 7)", "with a wrong value of fields"),
    "settings without defaults": ("profile_settings", "ProfileSettings('mine', Needy)", "without defaults"),
    "settings that are no dataclass": ("profile_settings", "ProfileSettings('mine', Plain)", "the fields of settings 'mine' cannot be read"),
    "settings that are mutable": ("profile_settings", "ProfileSettings('mine', Mutable)", "whose default can be changed"),
    "settings that raise": ("profile_settings", "ProfileSettings('mine', Raising)", "without defaults (ZeroDivisionError: division by zero)"),
    "a file of a number": ("conf_files", "ConfFile('mine', 7)", "with a wrong value of fields"),
    "a file that is no dataclass": ("conf_files", "ConfFile('mine', Plain)", "the fields of conf file 'mine' cannot be read"),
    "a file with a selector of text": ("conf_files", "ConfFile('mine', Needy, selector='x')", "with a wrong value of selector"),
    "a command of a number": ("commands", "Command('mine', 7)", "with a wrong value of target"),
    "a command without a name": ("commands", "Command('', 'a:b')", "has the name ''"),
}
TYPES = HEAD + """from openaq_assets import CheckType, Command, ConfFile, OperationHandler, PlatformType, ProfileSettings


@dataclass(frozen=True)
class Needy:
    text: str


class Plain:
    pass


@dataclass
class Mutable:
    text: str = ""


@dataclass(frozen=True)
class Raising:
    text: str = ""

    def __post_init__(self):
        1 / 0


@hookimpl
def HOOK():
    return [VALUE]
"""


@pytest.mark.parametrize("name", BROUGHT)
def test_what_a_plugin_brings(tmp_path: Path, name: str) -> None:
    """A value with a field of a wrong type is reported when it is loaded, and left out."""
    hook, value, words = BROUGHT[name]
    problems, _ = goes_on(project_with(tmp_path / "project", TYPES.replace("HOOK", hook).replace("VALUE", value)))
    assert len(problems) == 1 and problems[0].startswith(f"{PLUGIN}:") and words in problems[0], problems


FILES = HEAD + """from openaq_assets import ConfFile


@dataclass(frozen=True)
class Entry:
    text: str = ""


@dataclass(frozen=True)
class Whole:
    version: int
    text: str = ""


def nonsense(*arguments):
    return ANSWER


@hookimpl
def conf_files():
    return [CONF]
"""


@pytest.mark.parametrize("answer", ["1 / 0", "sys.exit(3)", "None", "7", "math.nan", "Kind", "['a']"])
def test_a_selector_that_fails(tmp_path: Path, answer: str) -> None:
    """A file whose entries cannot be selected is a problem of its plugin; all else is made."""
    text = FILES.replace("ANSWER", answer).replace("CONF", "ConfFile('mine', Entry, 'mine', selector=nonsense)")
    more = {"conf/mine.yaml": "mine:\n  a: {text: x}\n"}
    problems, _ = goes_on(project_with(tmp_path / "project", text, more=more))
    assert len(problems) == 1 and problems[0].startswith(f"{PLUGIN}:") and "the selector of conf/mine.yaml" in problems[0], problems


@pytest.mark.parametrize("answer", ["1 / 0", "sys.exit(3)", "None", "7", "'text'", "['text']", "[None]", "[('a', 7, 7)]", "(1 / 0 for _ in '1')"])
def test_a_search_for_mistakes_that_fails(tmp_path: Path, answer: str) -> None:
    """A check of a file that fails is a problem of its plugin, reported by ``check``."""
    text = FILES.replace("ANSWER", answer).replace("CONF", "ConfFile('mine', Whole, mistakes=nonsense)")
    root = project_with(tmp_path / "project", text, more={"conf/mine.yaml": "version: 1\n"})
    problems, _ = goes_on(root)
    (problem,) = load(root).conf_problems()
    assert problems == [] and problem.path == PLUGIN
    assert problem.message.startswith("the check of conf/mine.yaml fails (")


@pytest.mark.parametrize("target", ["no.such.module:x", "math:nothing", "math", "math:pi", ""])
def test_the_fields_of_a_file_that_are_not_there(tmp_path: Path, target: str) -> None:
    """Fields that cannot be loaded are a problem of their plugin, reported if there is such a file."""
    text = FILES.replace("ANSWER", "[]").replace("CONF", f"ConfFile('mine', {target!r})")
    root = project_with(tmp_path / "project", text)
    assert load(root).conf_problems() == ()
    (root / "conf/mine.yaml").write_text("version: 1\n", encoding="utf-8")
    problems, _ = goes_on(root)
    (problem,) = load(root).conf_problems()
    assert problems == [] and problem.path == PLUGIN
    assert problem.message.startswith("the fields of conf file 'mine' cannot be read (")


@pytest.mark.parametrize("target", ["no.such.module:x", "math:nothing", "math", "math:pi", ""])
def test_a_command_that_is_not_there(tmp_path: Path, target: str) -> None:
    """A command that cannot be loaded fails with one line when it is used; the help still lists it."""
    text = f"{HEAD}from openaq_assets import Command\n\n\n@hookimpl\ndef commands():\n    return [Command('mine', {target!r}, 'Mine.')]\n"
    root = project_with(tmp_path / "project", text)
    goes_on(root)
    done = CliRunner().invoke(cli, ["--project", str(root), "mine"], prog_name="openaq-assets")
    assert done.exit_code == 1 and done.stderr.startswith("error: the command 'mine' ") and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("opener", ["no.such.module:x", "math:nothing", "math:pi", "builtins:dict"])
def test_a_platform_that_cannot_be_opened(tmp_path: Path, opener: str) -> None:
    """A platform that cannot be opened fails what uses it, in one line."""
    text = f"{HEAD}from openaq_assets import PlatformType\n\n\n@hookimpl\ndef platforms():\n    return [PlatformType('duck', 'A duck.', {opener!r})]\n"
    root = project_with(tmp_path / "project", text)
    goes_on(root)
    path = root / "conf/environments.yaml"
    path.write_text(path.read_text().replace("platform: memory", "platform: duck"))
    assert load(root).plugins.platforms["duck"] == PlatformType("duck", "A duck.", opener)
    done = CliRunner().invoke(cli, ["--project", str(root), "run"], prog_name="openaq-assets")
    assert done.exit_code == 3 and done.stderr.startswith("error: the platform 'duck' cannot be opened (")
    assert len(done.stderr.splitlines()) == 1
