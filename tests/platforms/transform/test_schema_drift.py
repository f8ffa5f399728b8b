"""New fields: both decoders report for any JSON what a plain implementation of the rule returns."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openaq_assets.graph.operations import Recipe, RecipeColumn
from openaq_assets.graph.raw_keys import parse_raw_key
from openaq_assets.platforms.transform import fast_decoder as recipe_typed
from openaq_assets.platforms.transform.fast_decoder import table_of
from openaq_assets.platforms.transform.reference_decoder import decode
from openaq_assets.platforms.transform.rows import opened
from openaq_assets.platforms.transform.schema_drift import MOST_NEW, NewField, is_known, note

NAMES = st.sampled_from(["a", "b", "c", "0", "a.b", "*", "é\n"])
STEPS = st.sampled_from(["a", "b", "c", "*", "0", "1"])
paths = st.lists(STEPS, min_size=1, max_size=3).map(".".join)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-1, 9), st.sampled_from(["t", "\ud800", "Hà Nội"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=8,
)
pages = st.fixed_dictionaries(
    {"results": st.lists(st.one_of(st.dictionaries(NAMES, values, max_size=3), values), max_size=3)},
    optional={"meta": values, "a": values},
)
DAY = "2026-01-10"


def columns_of(read: list[str]) -> tuple[RecipeColumn, ...]:
    """Return columns that read these paths; none of the values above is of every type."""
    return tuple(RecipeColumn(f"c{n}", "varchar", (path,)) for n, path in enumerate(read))


recipes = st.builds(
    lambda read, known: Recipe("results", columns_of(read), on_new_field="warn", known=tuple(known)),
    st.lists(paths.filter(lambda path: "*" not in path), max_size=3),
    st.lists(st.one_of(paths, paths.map("/{}".format), st.sampled_from(["/meta", "/meta.a", "a\\u002eb"])), max_size=4),
)


Steps = tuple[str, ...]


def plain(recipe: Recipe, page: Any) -> set[str]:
    """Return the new fields by a plain implementation of the rule.

    A path is known if a pattern leads to it or to a part of it. It is not new if it holds fields and a pattern
    leads on from it. Any other path is new.
    """
    patterns = [("", *path.split(".")) for column in recipe.columns for path in column.paths]
    patterns += [("/" if path[0] == "/" else "", *path.removeprefix("/").split(".")) for path in recipe.known]
    meant: list[Steps] = [("/", "results")]
    for start, *steps in patterns:
        while steps and steps[-1] == "*":  # a field with all that it holds is the field
            steps.pop()
        meant.append((start, *steps))

    def fits(pattern: Steps, steps: Steps) -> bool:
        return all(step in ("*", two) or (two == "*" and step.isdecimal()) for step, two in zip(pattern, steps))

    def known(steps: Steps) -> bool:
        return any(len(pattern) <= len(steps) and fits(pattern, steps) for pattern in meant)

    def new(steps: Steps, value: Any) -> Iterator[Steps]:
        longer = [pattern for pattern in meant if len(pattern) > len(steps) and fits(pattern, steps)]
        if value is None or known(steps):
            return
        if isinstance(value, dict) and (longer or len(steps) == 1):
            for name, below in value.items():
                deeper = (*steps, name.replace(".", "\\u002e").replace("*", "\\u002a"))
                yield from new(deeper, below) if any(fits(pattern, deeper) for pattern in longer) else [deeper]
        elif isinstance(value, list) and any(pattern[len(steps)] in ("*", "0", "1") for pattern in longer):
            for below in value:
                yield from new((*steps, "*"), below)
        else:
            yield steps

    paths = [steps for row in page["results"] if isinstance(row, dict) for steps in new(("",), row)]
    return {start + ".".join(steps) for start, *steps in [*paths, *new(("/",), page)]}


@settings(deadline=None)
@given(recipes, st.lists(pages, max_size=3))
def test_new_fields_are_those_the_rule_says(recipe: Recipe, some: list[Any]) -> None:
    """Of any JSON, by any recipe, both ways report the paths of the plain reading, each where it was first."""
    bodies = [json.dumps(page).encode() for page in some]
    names = [f"a_raw__page={n}__20260111T00000{n}Z__0123456789ab.json" for n in range(len(bodies))]
    first: dict[str, str] = {}
    for name, page in zip(names, some):
        for path in plain(recipe, page):
            first.setdefault(path, name)
    reference = decode(recipe, DAY, zip(names, bodies)).new
    assert {path: field.object for path, field in reference.items()} == first
    keyed = [(parse_raw_key(name), name, body) for name, body in zip(names, bodies)]
    assert table_of(recipe, DAY, keyed)[1].new == reference
    for path in reference:
        assert not is_known(recipe, path) and is_known(replace(recipe, known=(*recipe.known, path)), path)


@given(recipes, pages)
def test_declared_fields_are_not_new(recipe: Recipe, page: Any) -> None:
    """With all that was reported among what is known, nothing is reported any more."""
    body = json.dumps(page).encode()
    name = "a_raw__20260111T000000Z__0123456789ab.json"
    new = decode(recipe, DAY, [(name, body)]).new
    assert decode(replace(recipe, known=(*recipe.known, *new)), DAY, [(name, body)]).new == {}


def test_there_is_an_end_to_new_fields() -> None:
    """An object whose names are values does not become any number of records."""
    recipe = Recipe("results", columns_of(["a"]), on_new_field="warn")
    noted: dict[str, NewField] = {}
    note(noted, recipe, ("name", "time"), {}, [{f"id{n}": n} for n in range(MOST_NEW + 50)])
    assert list(noted) == [f"id{n}" for n in range(MOST_NEW)]
    rows = [{f"id{n}": "x", "a": "y"} for n in range(MOST_NEW + 50)]
    name = "a_raw__20260111T000000Z__0123456789ab.json"
    keyed = (parse_raw_key(name), name, json.dumps({"results": rows}).encode())
    table, decoded = table_of(recipe, DAY, [keyed, keyed])
    assert table.height == 2 * (MOST_NEW + 50) and list(decoded.new) == list(noted)


def test_a_new_field_costs_a_single_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a day has met a new field its other objects are read as fast as ever, and another new field is still met."""
    looked: list[bytes] = []

    def counted(recipe: Recipe, body: bytes) -> Any:
        looked.append(body)
        return opened(recipe, body)

    def refuse(*arguments: Any) -> None:
        raise AssertionError("the reference was asked")

    monkeypatch.setattr(recipe_typed, "opened", counted)
    monkeypatch.setattr(recipe_typed, "decode", refuse)
    recipe = Recipe("results", columns_of(["a"]), on_new_field="warn")
    bodies = [json.dumps({"results": [{"a": str(n), "b": {"c": n}} | ({"d": n} if n > 5 else {})]}).encode() for n in range(9)]
    names = [f"a_raw__page={n}__20260111T00000{n}Z__0123456789ab.json" for n in range(9)]
    table, decoded = table_of(recipe, DAY, [(parse_raw_key(name), name, body) for name, body in zip(names, bodies)])
    assert table["c0"].to_list() == [str(n) for n in range(9)]
    assert looked == [bodies[0], bodies[6]] and list(decoded.new) == ["b", "d"]
