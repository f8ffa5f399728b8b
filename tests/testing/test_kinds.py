"""Tests of ``check_kind``: it accepts the kinds in use and rejects impure kinds."""

from pathlib import Path

import pytest
from support.plugin_projects import HEAD, project_with
from support.projects import REPOSITORY

from openaq_assets.project.project import load
from openaq_assets.testing import check_kind


@pytest.mark.parametrize("root", [REPOSITORY, REPOSITORY / "examples" / "jaffle_shop"], ids=["openaq", "jaffle_shop"])
def test_every_kind_in_use_is_pure(root: Path) -> None:
    """The kind of every asset returns equal operations at each call, which become JSON without locations."""
    graph = load(root).graph
    for key in graph.assets:
        check_kind(graph, key)


IMPURE = {
    "another answer each time": "[Query('q', f'SELECT {next(COUNT)}', ())]",
    "a location": "[Query('q', 'SELECT 1', (Ref('a', 'view', uri='/tmp/a'),))]",
    "the order of the days": "[Query('q', str(next(COUNT)), ())] if len(partitions) > 1 else []",
}
KIND = HEAD + """from itertools import count
from openaq_assets import Query, Ref

COUNT = count()


@dataclass(frozen=True)
class Fields:
    pass


class Own(Kind):
    name = "own"
    fields = Fields
    partitions = "daily"

    def operations(self, asset, graph, partitions, scope):
        return ANSWER


@hookimpl
def asset_kinds():
    return [Own()]
"""


@pytest.mark.parametrize("name", IMPURE)
def test_an_impure_kind_is_rejected(tmp_path: Path, name: str) -> None:
    """A kind that returns other operations at each call, or names a location, fails the check."""
    root = project_with(tmp_path / "project", KIND.replace("ANSWER", IMPURE[name]), "assets:\n  own: {kind: own}\n")
    with pytest.raises(AssertionError, match=r"another answer|names a location"):
        check_kind(load(root).graph, "own")
