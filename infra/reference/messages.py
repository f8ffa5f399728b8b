"""Collects every message that a user can see from the source code.

A message is known by its fixed text: each part that is filled in stands as ``…``. Renaming a variable
of an f-string therefore changes nothing here.
"""

import ast
import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

#: What a user runs. The tests for authors of plugins and the answers of the simulated API are not part of it.
SOURCES = (
    "openaq_assets", "glue_jobs", "plugins", "dags",
    "openaq_simulator/faults.py", "openaq_simulator/simulator.py", "openaq_simulator/state.py",
    "openaq_simulator/world.py",
)  # fmt: skip  # a table of many short cells
LEFT_OUT = ("openaq_assets/testing/",)
HOLE = "…"
#: Exceptions that never reach a user: one part of the code tells another to take the slower way.
INTERNAL = frozenset({"AttributeError", "NotImplementedError", "NotPlain", "ParseError", "Unfit"})
#: Calls that carry a message, and its position among the arguments (from the end if negative).
CARRIERS: Mapping[str, int] = {
    "Difference": 1, "FieldError": 1, "MarkedYAMLError": 2, "Problem": 4, "Reason": 1, "SqlProblem": -2,
    "_blame": 1, "_judged": 1, "_result": 3, "blame": 1, "blame_hook": 1, "blamed": 3, "error": 0,
    "failure": 2, "warning": 0,
}  # fmt: skip  # a table of many short cells
#: The same where two classes have one name: by module and name.
CARRIERS_OF_MODULES: Mapping[str, int] = {"checkup.Finding": 2, "check.Finding": 1}
#: Arguments that are messages whatever is called.
NAMED = ("message",)
#: Beginnings of the names of functions that return or yield what went wrong.
SAYING = ("_say_", "_difference", "differences", "broken_text")
#: Functions that return a part of a message: a value of the user, or a remedy with such a value.
QUOTING = frozenset({"nearest", "noun", "repr", "sentence", "shortened", "str"})
_SHORTEST_PART = 12  # a part with less fixed text stays a hole
_MOST_VARIANTS = 12


@dataclass(frozen=True, slots=True, order=True)
class Message:
    """A message, and the file it is written in."""

    text: str
    path: str


@dataclass
class _Scope:
    """The values given to names in a function, or in a module outside its functions."""

    values: dict[str, list[ast.expr]] = field(default_factory=lambda: defaultdict(list))
    outer: "_Scope | None" = None

    def of(self, name: str) -> Sequence[ast.expr]:
        """Return every value that a name is given."""
        if name in self.values:
            return self.values[name]
        return self.outer.of(name) if self.outer else ()


def messages(root: Path, sources: Sequence[str] = SOURCES) -> list[Message]:
    """Return every message of the sources, in the order of the texts."""
    trees = {path: ast.parse((root / path).read_text(encoding="utf-8")) for path in _files(root, sources)}
    reader = _Reader(trees)
    return sorted({Message(text, path) for path in trees for text in reader.read(path)})


def _files(root: Path, sources: Sequence[str]) -> Iterator[str]:
    for source in sources:
        paths = [root / source] if source.endswith(".py") else sorted((root / source).rglob("*.py"))
        names = (path.relative_to(root).as_posix() for path in paths)
        yield from (name for name in names if not name.startswith(LEFT_OUT))


class _Sentence(ast.expr):
    """An expression that is a message only if it is a sentence."""

    def __init__(self, of: ast.expr) -> None:
        super().__init__()
        self.of = of


class _Reader:
    """Reads the messages of modules that use each other's constants and functions."""

    def __init__(self, trees: Mapping[str, ast.Module]) -> None:
        self._trees = trees
        self._scopes = {path: _scope(tree) for path, tree in trees.items()}
        self._functions: dict[str, list[tuple[ast.AST, _Scope]]] = defaultdict(list)
        for path, tree in trees.items():
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef) and node.returns and "str" in ast.unparse(node.returns):
                    self._functions[node.name].append((node, _scope(node, self._scopes[path])))
        self._exceptions = _exceptions(trees.values())

    def read(self, path: str) -> Iterator[str]:
        """Yield the messages of a module."""
        stem = Path(path).stem
        for node, scope in _walk(self._trees[path], self._scopes[path]):
            for expression in self._carried(node, stem):
                texts = map(normal, self._texts(expression, scope, frozenset()))
                yield from (text for text in texts if re.search(r"[A-Za-z]\w.* | .*[A-Za-z]\w", text))

    def _carried(self, node: ast.AST, stem: str) -> Iterator[ast.expr]:
        """Yield the expressions of a node that are messages."""
        if isinstance(node, ast.Call):
            yield from self._of_call(node, stem)
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            if _name(node.exc.func) not in CARRIERS.keys() | INTERNAL:
                yield node.exc.args[0]
        elif isinstance(node, ast.Tuple):  # a message and its remedy, on the way to what reports them
            yield from map(_Sentence, node.elts[:-1] or node.elts)
        elif isinstance(node, ast.FunctionDef) and node.name.startswith(SAYING):
            results = (part.value for part in ast.walk(node) if isinstance(part, ast.Return | ast.Yield))
            yield from filter(None, results)

    def _of_call(self, node: ast.Call, stem: str) -> Iterator[ast.expr]:
        yield from (keyword.value for keyword in node.keywords if keyword.arg in NAMED)
        position, given = self._position(node, stem), node.args
        if position is None or not given:
            return
        if isinstance(given[-1], ast.Starred) and position < 0:
            yield given[-1].value
        elif -len(given) <= position < len(given):
            yield given[position]

    def _position(self, node: ast.Call, stem: str) -> int | None:
        """Return the position of the message among the arguments of a call; None if it carries none."""
        name = _name(node.func)
        if name in INTERNAL:
            return None
        if name in ("fail", "problem"):  # with the location of the mistake, or without
            return {"fail": 2, "problem": 1}[name] if len(node.args) > 1 else 0
        is_raised = name in self._exceptions or (name == "__init__" and "super()" in ast.unparse(node.func))
        if is_raised and name not in CARRIERS:
            return 0
        if name in ("echo", "print"):
            return 0 if _is_printed_error(node) else None
        return CARRIERS_OF_MODULES.get(f"{stem}.{name}", CARRIERS.get(name))

    def _texts(self, node: ast.AST, scope: _Scope, seen: frozenset[str]) -> list[str]:
        """Return every text an expression can have; what is not written in the source is a hole."""
        if isinstance(node, _Sentence):
            return [text for text in self._texts(node.of, scope, seen) if _is_sentence(text)]
        if isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) else [HOLE]
        if isinstance(node, ast.IfExp | ast.BoolOp | ast.List | ast.Tuple | ast.ListComp):
            return [text for part in _choices(node) for text in self._texts(part, scope, seen)]
        if isinstance(node, ast.JoinedStr | ast.BinOp):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node.left, node.right]
            texts = itertools.product(*(self._part(part, scope, seen) for part in parts))
            return ["".join(text) for text in texts]
        if isinstance(node, ast.Name):
            key = f"{id(scope)} {node.id}"
            return [HOLE] if key in seen else self._named(node.id, scope, seen | {key})
        if isinstance(node, ast.Call):
            return self._called(node, scope, seen)
        return [HOLE]

    def _part(self, node: ast.AST, scope: _Scope, seen: frozenset[str]) -> list[str]:
        """Return what a part of a text can be: long fixed texts as they are, everything else a hole."""
        if not isinstance(node, ast.FormattedValue):
            return self._texts(node, scope, seen)
        if isinstance(node.value, ast.Name) and len(scope.of(node.value.id)) > 1:
            return [HOLE]  # which of its values it has here only a run can tell
        texts = [text for text in self._texts(node.value, scope, seen) if text]
        fixed = all(len(text.replace(HOLE, "")) >= _SHORTEST_PART and " " in text for text in texts)
        return texts if texts and fixed and len(texts) <= _MOST_VARIANTS else [HOLE]

    def _named(self, name: str, scope: _Scope, seen: frozenset[str]) -> list[str]:
        values = scope.of(name)
        if not values and name.strip("_").isupper():  # a constant of another module
            values = [value for other in self._scopes.values() for value in other.of(name)]
        return [text for value in values for text in self._texts(value, scope, seen)] or [HOLE]

    def _called(self, node: ast.Call, scope: _Scope, seen: frozenset[str]) -> list[str]:
        """Return the texts that a function of the sources returns."""
        name = _name(node.func)
        if isinstance(node.func, ast.Attribute) and name in ("removesuffix", "rstrip", "strip"):
            return self._texts(node.func.value, scope, seen)
        if name in seen | QUOTING:
            return [HOLE]
        return [
            text
            for function, inner in self._functions.get(name, ())
            for part in ast.walk(function)
            if isinstance(part, ast.Return) and part.value is not None
            for text in self._texts(part.value, inner, seen | {name})
        ] or [HOLE]


def _choices(node: ast.AST) -> Sequence[ast.expr]:
    """Return the expressions one of which is the value, or an item of the value."""
    if isinstance(node, ast.IfExp):
        return node.body, node.orelse
    if isinstance(node, ast.BoolOp):
        return node.values
    if isinstance(node, ast.Tuple):
        return node.elts[:1]  # a message and its remedy
    items = [node.elt] if isinstance(node, ast.ListComp) else getattr(node, "elts", [])
    return [item.elts[-1] if isinstance(item, ast.Tuple) else item for item in items]  # conditions, messages


def _is_printed_error(node: ast.Call) -> bool:
    """Return whether a call that prints writes to standard error, or begins with ``error:``."""
    if not node.args or any(keyword.arg in ("err", "file") for keyword in node.keywords):
        return bool(node.args)
    return bool(re.match(r"f?['\"](error:|Not everything)", ast.unparse(node.args[0])))


def _is_sentence(text: str) -> bool:
    return text.endswith(".") and " " in text and not text.startswith(("Write ", "Add ", "Use "))


def _name(function: ast.expr) -> str:
    """Return the last name of what is called."""
    return function.attr if isinstance(function, ast.Attribute) else str(getattr(function, "id", ""))


def _exceptions(trees: Iterable[ast.Module]) -> set[str]:
    """Return the names of the exceptions that carry a message: the modules' own, and some of Python's."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    known = {"Exception", "ImportError", "OverflowError", "RuntimeError", "TypeError", "ValueError"}
    for _ in range(4):  # as deep as they inherit
        known |= {each.name for each in classes if any(_name(base) in known for base in each.bases)}
    return known - {"ConfigError", "Exception"}


def _scope(node: ast.AST, outer: _Scope | None = None) -> _Scope:
    """Return the names that a function, or a module outside its functions, gives values to."""
    scope = _Scope(outer=outer)
    for part in ast.walk(node) if outer else ast.iter_child_nodes(node):
        if isinstance(part, ast.Assign):
            for target in part.targets:
                _bind(scope, target, part.value)
        elif isinstance(part, ast.AnnAssign | ast.NamedExpr) and part.value:
            _bind(scope, part.target, part.value)
        elif isinstance(part, ast.Call) and _name(part.func) == "append" and len(part.args) == 1:
            target = part.func.value if isinstance(part.func, ast.Attribute) else part.func
            _bind(scope, target, ast.List(part.args, ast.Load()))
    return scope


def _bind(scope: _Scope, target: ast.expr, value: ast.expr) -> None:
    if isinstance(target, ast.Name):
        scope.values[target.id].append(value)
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for name, part in zip(target.elts, value.elts, strict=False):
            _bind(scope, name, part)


def _walk(node: ast.AST, scope: _Scope) -> Iterator[tuple[ast.AST, _Scope]]:
    """Yield every node with the names that are known at it."""
    for child in ast.iter_child_nodes(node):
        is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        inner = _scope(child, scope) if is_function else scope
        yield child, inner
        yield from _walk(child, inner)


def normal(text: str) -> str:
    """Return a message as it is listed: on one line, and one hole where several meet."""
    line = re.sub(r"%[sdr]", HOLE, " ".join(text.split()))
    return re.sub(f"{HOLE}(?:{HOLE})+", HOLE, line)
