"""Hypothesis strategies: mistakes in YAML, sound projects, selections, operations, raw keys and days."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from openaq_assets.graph.operations import Operation, Query
from openaq_assets.openaq.operations import Fetch, Publish
from openaq_assets.testing.strategies import days as days
from openaq_assets.testing.strategies import names as names
from openaq_assets.testing.strategies import operations as standard_operations
from openaq_assets.testing.strategies import refs as refs
from openaq_assets.testing.strategies import texts
from support.projects import write_files

NASTY = (
    "\t", "\x00", "\x07", "\x1b[31m", "\u202e", "\ufeff", "\x85", "\u2028", "ệ", "𝕏", "'", '"', "[", "]", "{", "}",
    "[[[[", "- - - ", ": ", "? ", "&a ", "*a", "!!python/object:os.system ", "!x ", "| ", "> ", "%", "@", "`",
    "---\n", "...\n", "#", "<<: ", "\r", "\r\n", "\n", "\n\n  ", "    ", "${env:HOME}", "${env:", "NO", "0123",
    "12:30", "1e999", "-0", "9" * 400, "~", "null", "true", "2026-01-01", "../../etc/passwd", "/", "a" * 5000,
)


# --- mistakes ------------------------------------------------------------------------------------


@st.composite
def _edit(draw: st.DrawFn, text: str) -> str:
    lines = text.splitlines(keepends=True) or [""]
    at = draw(st.integers(0, len(lines) - 1))
    column = draw(st.integers(0, len(lines[at])))
    what = draw(st.sampled_from(("drop", "twice", "swap", "put", "cut", "indent", "replace", "end")))
    if what == "drop":
        del lines[at]
    elif what == "twice":
        lines.insert(at, lines[at])
    elif what == "swap":
        other = draw(st.integers(0, len(lines) - 1))
        lines[at], lines[other] = lines[other], lines[at]
    elif what == "put":
        lines[at] = lines[at][:column] + draw(st.sampled_from(NASTY)) + lines[at][column:]
    elif what == "cut":
        lines[at] = lines[at][:column] + lines[at][column + draw(st.integers(1, 12)) :]
    elif what == "indent":
        lines[at] = " " * draw(st.integers(1, 6)) + lines[at]
    elif what == "replace":
        lines[at] = lines[at][:column] + draw(st.sampled_from(NASTY)) + "\n"
    else:
        return text[: draw(st.integers(0, len(text)))]
    return "".join(lines)


@st.composite
def edited(draw: st.DrawFn, text: str) -> bytes:
    """Return the text after one to four careless or hostile edits, as the bytes of a file."""
    for _ in range(draw(st.integers(1, 4))):
        text = draw(_edit(text))
    finish: Callable[[str], str] = draw(
        st.sampled_from((lambda text: text, lambda text: text.replace("\n", "\r\n"), lambda text: "\ufeff" + text))
    )
    data = finish(text).encode("utf-8", "surrogatepass")
    return data + draw(st.sampled_from((b"", b"", b"", b"\xff", b"\xc3", b"\x00")))


def _replacements() -> st.SearchStrategy[Any]:
    odd: tuple[Any, ...] = (None, "", "x", 7, -1, 0.5, True, [], {}, [[]], {"a": 1}, ["x"], [None], [{}], "1e999",
                            10**30, dt.date(2026, 1, 1), "${env:X}", "a" * 300)
    return st.sampled_from(odd)


@st.composite
def swapped(draw: st.DrawFn, text: str) -> bytes:
    """Return the text's YAML with one value replaced by a value of another type."""
    data: Any = yaml.safe_load(text)
    node, key = data, draw(st.sampled_from(list(data)))
    while isinstance(node[key], dict | list) and node[key] and draw(st.integers(0, 4)):
        node = node[key]
        key = draw(st.sampled_from(list(node) if isinstance(node, dict) else range(len(node))))
    node[key] = draw(_replacements())
    return yaml.safe_dump(data, allow_unicode=True).encode()


def deep(depth: int) -> bytes:
    """Return YAML nested so deeply that PyYAML's own composer ends the process."""
    return b"assets:\n  a: " + b"[" * (depth // 2) + b"\n" + b"- " * depth + b"x\n"


# --- sound projects ------------------------------------------------------------------------------


@dataclass
class Sound:
    """A project that must load: its assets as data, and their files."""

    assets: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    locations: dict[str, dict[str, Any]] = field(default_factory=dict)

    def write(self, root: Path, order: list[str] | None = None, split: int = 1) -> Path:
        """Write it; assets in this order, dealt to so many files."""
        keys = order or list(self.assets)
        hands: list[dict[str, Any]] = [{} for _ in range(split)]
        for n, key in enumerate(keys):
            hands[n % split][key] = self.assets[key]
        dealt = {
            f"conf/assets/{'raw' if n == 0 else f'part{n}'}.yaml": _dump({"assets": hand})
            for n, hand in enumerate(hands)
        }
        return write_files(
            root, {**self.files, **dealt, "conf/locations.yaml": _dump({"locations": self.locations})}
        )


def _dump(data: Any) -> str:
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def _column(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "bigint", **more}


@st.composite
def sound_projects(draw: st.DrawFn) -> Sound:
    """Return a random project of every built-in kind, whose views read tables and other views."""
    made = Sound()
    for n in range(draw(st.integers(1, 3))):
        made.locations[f"place{n}"] = {"id": n + 1} if draw(st.booleans()) else {"country": f"A{chr(65 + n)}"}
    made.assets["stations"] = {"kind": "raw", "endpoint": "locations", "partitions": "snapshot"}
    some = st.lists(st.sampled_from(sorted(made.locations)), unique=True, max_size=2)
    tables: list[str] = []
    for n in range(draw(st.integers(1, 3))):
        raw: dict[str, Any] = {"kind": "raw", "endpoint": "hours", "inventory": "stations"}
        chosen = draw(some)
        made.assets[f"raw{n}"] = {**raw, "locations": chosen} if chosen else raw
        columns = [_column("a", path="x"), _column("b", path="y")]
        made.assets[f"rows{n}"] = {"kind": "processed", "source": f"raw{n}", "columns": columns}
        tables.append(f"rows{n}")
    made.assets["lake"] = {"kind": "catalog", "tables": list(tables)}
    made.assets["codes"] = {"kind": "reference", "file": "conf/reference/codes.csv", "columns": [_column("a")]}
    made.files["conf/reference/codes.csv"] = "a\n1\n"
    tables.append("codes")
    for n in range(draw(st.integers(0, 5))):
        reads = draw(st.lists(st.sampled_from(tables), min_size=1, max_size=3, unique=True))
        joined = " CROSS JOIN ".join(f"{table} AS t{i}" for i, table in enumerate(reads))
        made.files[f"views/v{n}.sql"] = f"SELECT t0.a AS a FROM {joined}\n"
        made.assets[f"v{n}"] = {
            "kind": "view", "sql": f"views/v{n}.sql", "columns": [_column("a")],
            "tags": draw(st.lists(st.sampled_from(("x", "y")), unique=True)),
        }
        tables.append(f"v{n}")
    checked = draw(st.sampled_from(tables))
    made.assets["gate"] = {"kind": "check", "tables": [checked], "checks": [{"check": "row_count"}]}
    return made


# --- selections ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Selection:
    """A selection as its text and as the plain set of keys it must mean."""

    text: str
    means: Callable[[Mapping[str, tuple[str, ...]], Callable[[str], Mapping[str, str]]], set[str]]


def selections(keys: list[str], kinds: list[str]) -> st.SearchStrategy[Any]:
    """Return selections as trees: ('key', k), ('kind', k), ('up', n, t), ('down', n, t), ('not'|'and'|'or', ...)."""
    leaves = st.one_of(
        st.tuples(st.just("key"), st.sampled_from(keys)),
        st.tuples(st.just("glob"), st.sampled_from(["*", "r*", "?0", "*w*", "[rv]*"])),
        st.tuples(st.just("kind"), st.sampled_from(kinds)),
    )
    depth = st.one_of(st.none(), st.integers(1, 3))
    terms = st.one_of(
        leaves,
        st.tuples(st.just("up"), depth, leaves),
        st.tuples(st.just("down"), depth, leaves),
    )
    return st.recursive(
        terms,
        lambda inner: st.one_of(
            st.tuples(st.just("not"), inner),
            st.tuples(st.sampled_from(("and", "or", "beside")), inner, inner),
        ),
        max_leaves=6,
    )


# --- operations and keys -------------------------------------------------------------------------

_fetches = st.builds(
    Fetch, st.sampled_from(("locations", "hours", "measurements")), st.lists(texts, max_size=2).map(tuple), refs,
    st.none() | refs, st.lists(names, max_size=2).map(tuple), st.integers(1, 99),
)
_queries = st.builds(Query, texts, texts, st.lists(refs, max_size=2).map(tuple))
_publications = st.builds(Publish, st.lists(_queries, max_size=2).map(tuple), refs)
operations: st.SearchStrategy[Operation] = st.one_of(_fetches, _publications, standard_operations)
raw_parts = st.dictionaries(
    st.sampled_from(("location", "sensor", "page", "country", "from", "to")),
    st.from_regex(r"[A-Za-z0-9.,:-]{1,10}", fullmatch=True),
    max_size=4,
)
moments = st.datetimes(
    dt.datetime(2016, 1, 1), dt.datetime(2099, 12, 31), timezones=st.sampled_from((dt.UTC, dt.timezone(dt.timedelta(hours=7))))
)
