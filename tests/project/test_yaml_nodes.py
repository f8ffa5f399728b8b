"""Tests of YAML text as located nodes."""

import pytest

from openaq_assets.errors import Mark, shortened
from openaq_assets.project.yaml_files import parse
from openaq_assets.project.yaml_nodes import Reading


def problems(text: str) -> list[str]:
    """Return the problems of a text."""
    reading = Reading()
    parse(text, "f.yaml", reading)
    return [str(problem) for problem in reading.problems]


def test_keys_and_items_are_located() -> None:
    """A node has the mark of its value and the mark of its key."""
    node = parse("a:\n  - x\n  - {b: y}\n", "f.yaml", Reading())
    assert node is not None and isinstance(node.value, dict)
    child = node.value["a"]
    assert child.at == Mark("f.yaml", 1, 1)
    assert isinstance(child.value, tuple)
    assert [item.mark for item in child.value] == [Mark("f.yaml", 2, 5), Mark("f.yaml", 3, 5)]
    assert list(child.words()) == ["x", "y"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "~\n"])
def test_nothing_is_none(text: str) -> None:
    """A file without content is no node and no problem."""
    assert parse(text, "f.yaml", Reading()) is None and problems(text) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [b", "f.yaml:1:5: not valid YAML: did not find expected ',' or ']' for the bracket on line 1. Check the indentation and quotes."),
        ("? [a]\n: b", "f.yaml:1:3: not valid YAML: a key must be text. Check the indentation and quotes."),
        ("a: !!python/name:os.system x", "f.yaml:1:4: a: the tag tag:yaml.org,2002:python/name:os.system is not supported. Write the value without a tag."),
        ("[" * 60, "f.yaml:1:51: not valid YAML: lists and mappings are nested more than 50 levels deep. Check the indentation and quotes."),
        ("a: 1\na: 2\n", "f.yaml:2:1: a: this key is written twice, first on line 1. Keep one of them."),
    ],
)
def test_unsupported_yaml_is_a_problem(text: str, problem: str) -> None:
    """Anything but plain mappings, lists and text is a problem with its position."""
    assert problems(text) == [problem]


def test_words_of_unreadable_text_are_kept() -> None:
    """The words of unreadable text are kept, so that a reference to one is not reported as a mistake."""
    reading = Reading()
    parse("assets:\n\tmeasurements: x\n", "f.yaml", reading)
    assert "measurements" in reading.lost


def test_long_text_is_shortened() -> None:
    """A message shows the beginning of a long value."""
    assert shortened("a" * 1000) == repr("a" * 57 + "...")
