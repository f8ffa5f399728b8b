"""Read the SQL unit tests of views from views/tests/*.yaml: given rows and expected rows.

    tests:
      an_hour_of_clean_air:
        view: view_latest_aqi
        now: 2026-01-10 12:00
        given:
          measurements:
            - {location_id: 1, parameter: pm25, value: 5, period_to: 2026-01-10 12:00}
        expect:
          - {location_id: 1, us_aqi: 28}

Columns that a given row does not name are NULL. Columns that an expected row does not name are not
compared. Tables that are not given are empty, except reference tables, which have the rows of their file.
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from openaq_assets.errors import ConfigError, Mark, Problem, nearest, shortened
from openaq_assets.graph.assets import AssetGraph, views_of
from openaq_assets.graph.columns import Column, Name
from openaq_assets.graph.fields import field_doc
from openaq_assets.project.decode import ABSENT, build
from openaq_assets.project.project import Project
from openaq_assets.project.yaml_files import parse_file
from openaq_assets.project.yaml_nodes import Node, Reading

FOLDER = "views/tests"

Cells = Mapping[str, str | None]
Row = Mapping[str, Any]


class Moment(str):
    """A time in UTC, to the minute or second."""

    __slots__ = ()
    noun = "a time like '2026-01-10 12:00'"
    pattern = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?Z?\Z", re.ASCII)

    @classmethod
    def parse(cls, text: str) -> "Moment":
        """Return the time of a text; raise ValueError with the remedy."""
        if not cls.pattern.match(text):
            raise ValueError("Write day, hour and minute, in UTC.")
        _exists(dt.datetime, text)
        return cls(text)

    @property
    def time(self) -> dt.datetime:
        """Return the time as a naive datetime in UTC."""
        return dt.datetime.fromisoformat(self.removesuffix("Z"))


NOON = Moment("2026-01-10 12:00")


@dataclass(frozen=True, slots=True)
class TestFields:
    """The YAML fields of a test."""

    view: Name = field(metadata=field_doc("The view to test.", "view_latest_aqi"))
    expect: tuple[Mapping[str, str | None], ...] = field(
        metadata=field_doc(
            "The rows that the view must return; columns that a row does not name are not compared."
        )
    )
    given: Mapping[str, tuple[Mapping[str, str | None], ...]] | None = field(
        default=None,
        metadata=field_doc(
            "The rows of each table that the view reads; columns that a row does not name are NULL."
        ),
    )
    now: Moment = field(
        default=NOON, metadata=field_doc("The time that the SQL sees as now, in UTC.", "2026-01-10 12:00")
    )
    ordered: bool = field(
        default=False, metadata=field_doc("True if the rows must come in the order of `expect`.")
    )
    description: str = field(
        default="", metadata=field_doc("A description of the test.", "An hour without a value has no index.")
    )


@dataclass(frozen=True, slots=True)
class UnitTest:
    """A test: rows of typed values for tables, and the rows that the view must return."""

    name: str
    view: str
    given: Mapping[str, tuple[Row, ...]]
    expect: tuple[Row, ...]
    now: dt.datetime
    ordered: bool
    at: Mark


def read_tests(project: Project) -> tuple[UnitTest, ...]:
    """Return every test of the project, in the order of files; raise ConfigError with every mistake."""
    tests, problems = _read(project)
    if problems:
        raise ConfigError(problems)
    return tests


def mistakes(project: Project) -> tuple[Problem, ...]:
    """Return every mistake in the tests of a project that has no other problems."""
    return tuple(_read(project)[1])


def _read(project: Project) -> tuple[tuple[UnitTest, ...], list[Problem]]:
    reading = Reading()
    tests: dict[str, UnitTest] = {}
    for path in sorted((project.root / FOLDER).glob("*.y*ml")):
        name = path.relative_to(project.root).as_posix()
        node = parse_file(path, name, reading)
        for title, entry in _section(node, reading).items():
            reading.marks.clear()
            test = _test(title, entry, project.graph, reading)
            if test and title in tests:
                first = tests[title].at
                message = f"there is already a test of this name at {first.path}:{first.line}."
                hint = "Rename one of them."
                reading.problems.append(entry.at.problem(f"tests.{title}", message, hint))
            elif test:
                tests[title] = test
    return tuple(tests.values()), reading.problems


def _section(node: Node | None, reading: Reading) -> Mapping[str, Node]:
    if node is None:
        return {}
    if not isinstance(node.value, Mapping) or set(node.value) != {"tests"}:
        reading.fail(node, "", "expected only the section 'tests:'.", "Begin the file with 'tests:'.")
        return {}
    entries = node.value["tests"]
    if not isinstance(entries.value, Mapping):
        message = f"expected named tests, got {entries.kind}."
        reading.fail(entries, "tests", message, "Write 'name:' and its fields below.")
        return {}
    return entries.value


def _test(title: str, entry: Node, graph: AssetGraph, reading: Reading) -> UnitTest | None:
    where = f"tests.{title}"
    before = len(reading.problems)
    fields: TestFields = build(entry, TestFields, where, reading)
    if fields is ABSENT or len(reading.problems) > before:  # type: ignore[comparison-overlap]  # build may return it
        return None
    reading.problems += _name_problems(fields, where, graph, reading.marks)
    if len(reading.problems) > before:
        return None
    rows = _Rows(reading, graph)
    given = {
        table: rows.of(table, cells, f"{where}.given.{table}")
        for table, cells in (fields.given or {}).items()
    }
    expect = rows.of(fields.view, fields.expect, f"{where}.expect")
    return UnitTest(title, fields.view, given, expect, fields.now.time, fields.ordered, entry.at)


def _name_problems(
    fields: TestFields, where: str, graph: AssetGraph, marks: Mapping[str, Mark]
) -> Iterator[Problem]:
    """Yield a problem for an unknown view, and for each table that the view does not read."""
    known = [asset.key for asset in graph if asset.holds == "view"]
    if fields.view not in known:
        path = f"{where}.view"
        yield marks[path].problem(path, f"there is no view '{fields.view}'.", nearest(fields.view, known))
        return
    reach = tables_behind(graph, fields.view)
    for table in fields.given or {}:
        if table not in reach:
            path = f"{where}.given.{table}"
            message = f"view '{fields.view}' does not read table '{table}'."
            yield marks[path].problem(path, message, nearest(table, reach))


def tables_behind(graph: AssetGraph, view: str) -> tuple[str, ...]:
    """Return every table and view that a view reads, also indirectly, each before its readers."""
    tables: dict[str, None] = {}

    def enter(name: str) -> None:
        for create_view in views_of(graph, name) if name in graph.assets else ():
            for ref in create_view.inputs:
                if ref.asset not in tables:
                    enter(ref.asset)
                    tables[ref.asset] = None

    enter(view)
    return tuple(tables)


@dataclass(frozen=True, slots=True)
class _Rows:
    """A reader of YAML cells as values of the column types of their table."""

    reading: Reading
    graph: AssetGraph

    def of(self, table: str, rows: tuple[Cells, ...], where: str) -> tuple[Row, ...]:
        columns = {str(column.name): column for column in self.graph.columns(table)}
        return tuple(
            {name: self._cell(columns, table, name, text, f"{where}[{n}]") for name, text in row.items()}
            for n, row in enumerate(rows)
        )

    def _cell(
        self, columns: Mapping[str, Column], table: str, name: str, text: str | None, where: str
    ) -> Any:
        path = f"{where}.{name}"
        mark = self.reading.marks[path]
        if name not in columns:
            message = f"table '{table}' has no column '{name}'."
            self.reading.problems.append(mark.problem(path, message, nearest(name, columns)))
            return None
        try:
            return None if text is None else cell(columns[name].type, text)
        except ValueError as error:
            message = f"expected {columns[name].type}, got {shortened(text or '')}."
            self.reading.problems.append(mark.problem(path, message, str(error)))
            return None


def cell(kind: str, text: str) -> Any:
    """Return the value of a text as a Trino type; raise ValueError with the remedy."""
    if kind in ("bigint", "integer"):
        if not re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
            raise ValueError("Write digits.")
        return int(text)
    if kind == "double":
        return _double(text)
    if kind == "boolean":
        if text.lower() not in ("true", "false"):
            raise ValueError("Write true or false.")
        return text.lower() == "true"
    if kind == "date":
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            raise ValueError("Write year, month and day.")
        return _exists(dt.date, text)
    return Moment.parse(text).time if kind == "timestamp" else text


def _exists(kind: Any, text: str) -> Any:
    try:
        return kind.fromisoformat(text)
    except ValueError:
        raise ValueError("There is no such day or hour.") from None


def _double(text: str) -> float:
    special = {".nan": "nan", "nan": "nan", ".inf": "inf", "-.inf": "-inf"}.get(text.lower())
    if special is None and not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", text, re.ASCII):
        raise ValueError("Write a number, or .nan.")
    return float(special or text)
