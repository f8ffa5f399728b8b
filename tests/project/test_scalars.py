"""Tests of scalars: the declared type of a field decodes its text, whatever YAML would guess."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.projects import write_files

from openaq_assets.graph.columns import Duration, Name
from openaq_assets.graph.jobs import Schedule
from openaq_assets.openaq.locations import Country
from openaq_assets.project.decode import ABSENT, build
from openaq_assets.project.project import load
from openaq_assets.project.yaml_files import parse
from openaq_assets.project.yaml_nodes import Node, Reading


def read(text: str, kind: Any) -> Any:
    """Return the value of a field of this type, or the problem if it has none."""
    reading = Reading()
    node = parse(f"field: {text}\n", "f.yaml", reading)
    assert node is not None and isinstance(node.value, dict)
    value = build(node.value["field"], kind, "field", reading)
    return str(reading.problems[0]) if value is ABSENT else value


@pytest.mark.parametrize("text", ["NO", "0123", "12:30", "1e3", "yes", "on", "1_000", "0x1F", "2026-01-01", ".5", "=", "<<"])
def test_text_is_as_written(text: str) -> None:
    """A text field keeps what YAML 1.1 would make a boolean, a number or a date of."""
    assert read(text, str) == text


def test_norway_is_a_country(tmp_path: Path) -> None:
    """``country: NO`` means Norway."""
    root = write_files(tmp_path, {"conf/locations.yaml": "locations:\n  norway: {country: NO}\n"})
    assert load(root).graph.conf["conf/locations.yaml"]["norway"].selector == "country=NO"


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("7", int, 7), ("-7", int, -7), ("'7'", int, 7), ("7", float, 7.0), ("1e3", float, 1000.0), (".5", float, 0.5),
        ("true", bool, True), ("FALSE", bool, False), ("3 days", Duration, Duration(days=3)),
        ("90 minutes", Duration, Duration(minutes=90)), ("2h", Duration, Duration(hours=2)), ("NO", Country, "NO"),
        ("'*/15 0-6 1,15 * 1-5'", Schedule, "*/15 0-6 1,15 * 1-5"), ("[a, b]", tuple[str, ...], ("a", "b")),
        ("{a: 1}", dict[str, int], {"a": 1}), ("null", int | None, None), ("~", str | None, None), ("'~'", str, "~"),
    ],
)
def test_typed(text: str, kind: Any, value: Any) -> None:
    """A typed field reads the usual spellings."""
    assert read(text, kind) == value


@pytest.mark.parametrize(
    ("text", "kind", "problem"),
    [
        ("0123", int, "expected a whole number, got '0123'. Write digits without leading zeros."),
        ("12:30", int, "expected a whole number, got '12:30'. Write digits without leading zeros."),
        ("1e999", float, "expected a number, got '1e999'. Write a finite number."),
        ("nan", float, "expected a number, got 'nan'. Write a decimal number."),
        ("yes", bool, "expected true or false, got 'yes'. Write true."),
        ("1", bool, "expected true or false, got '1'. Write true."),
        ("", str, "expected text, got nothing. Write a single value."),
        ("[a]", str, "expected text, got a list. Write a single value."),
        ("a", tuple[str, ...], "expected a list, got 'a'. Write it as [a, b]."),
        ("a_", Duration, "expected a duration like '3 days', got 'a_'. Write a number and a unit: minutes, hours or days."),
        ("a__b", Name, "expected a name in lower case, got 'a__b'. Use single '_': '__' separates the parts of an object key."),
        ("'61 * * * *'", Schedule, "expected 'manual' or a cron expression, got '61 * * * *'. The minute, '61', must be *, */n or numbers from 0 to 59."),
        ("'* * * * 5-1'", Schedule, "expected 'manual' or a cron expression, got '* * * * 5-1'. The weekday, '5-1', must be *, */n or numbers from 0 to 7."),
        ("'*/0 * * * *'", Schedule, "expected 'manual' or a cron expression, got '*/0 * * * *'. The minute, '*/0', must be *, */n or numbers from 0 to 59."),
    ],
)
def test_mistyped(text: str, kind: Any, problem: str) -> None:
    """The problem of a mistyped value names the value and the remedy."""
    assert read(text, kind) == f"f.yaml:1:{8 if text else 7}: field: {problem}"


@given(value=st.integers(-(10**17), 10**17))
def test_integers_round_trip(value: int) -> None:
    """A printed whole number is read back as the same number."""
    assert read(str(value), int) == value


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_floats_round_trip(value: float) -> None:
    """A printed number is read back as the same number, also with a sign."""
    assert read(repr(value), float) == value


@given(text=st.text(st.characters(min_codepoint=32, max_codepoint=0xD7FF, exclude_characters="\x7f\x85\xa0\ufeff", exclude_categories=("Cc", "Zl", "Zp"))))
def test_quoted_text_round_trips(text: str) -> None:
    """Quoted text is read as it is written."""
    quoted = "'" + text.replace("'", "''") + "'"
    assert read(quoted, str) == text


@given(kept=st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), st.integers(0, 9), min_size=1, max_size=6))
def test_marks_point_at_keys_and_values(kept: dict[str, int]) -> None:
    """Every key and every value has its line and column."""
    lines = [f"{key}:  {value}" for key, value in kept.items()]
    node = parse("\n".join(lines), "f.yaml", Reading())
    assert isinstance(node, Node) and isinstance(node.value, dict)
    for number, (key, child) in enumerate(node.value.items(), 1):
        assert child.key is not None
        assert (child.key.line, child.key.column) == (number, 1)
        assert (child.mark.line, child.mark.column) == (number, len(key) + 4)
