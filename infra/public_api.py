"""Write api.txt: the public API with signatures, read from the source without importing it.

``python -m infra.public_api`` prints it, ``--write`` writes the file (``make api``). Public is what authors
of plugins may import; a test compares the file with the source: no name or signature changes unnoticed.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "api.txt"
HEAD = """\
# The public API: what authors of plugins may import, with signatures. `make api` writes this file again.
# A change here is a change for users: it stands in CHANGELOG.md with its reason.
"""
#: Public modules with their names; without names, those of ``__all__`` or all that the module defines.
PUBLIC: Mapping[str, tuple[str, ...]] = {
    "openaq_assets": (),
    "openaq_assets.checks": (),
    "openaq_assets.errors": (),
    "openaq_assets.markers": (),
    "openaq_assets.operations": (),
    "openaq_assets.platforms": (
        "ObjectStore",
        "Platform",
        "PlatformType",
        "Progress",
        "Rows",
        "Ticket",
        "Work",
    ),
    "openaq_assets.plugins.specs": (),
    "openaq_assets.testing": (),
    "openaq_assets.testing.strategies": (),
    # What hooks receive.
    "openaq_assets.graph.alerts": ("Alert",),
    "openaq_assets.graph.check_queries": ("CheckResult",),
    "openaq_assets.graph.environment": ("Environment", "LogicalEnvironment", "Profile"),
    "openaq_assets.graph.records": ("Facts", "Materialization"),
}
_SHOWN = {"abstractmethod", "cached_property", "classmethod", "contextmanager", "dataclass", "hookspec"} | {
    "overload",
    "property",
    "staticmethod",
}
_Definition = ast.ClassDef | ast.FunctionDef | ast.AnnAssign | ast.Assign


def public_api() -> str:
    """Return the text of api.txt."""
    parts, first = [HEAD], dict[tuple[str, str], str]()
    for module in PUBLIC:
        parts.append(f"\n{module}\n")
        for name in public_names(module):
            home, node = _definition(module, name)
            shown = first.setdefault((home, name), module)
            lines = [f"{name}: see {shown}"] if shown != module else list(_described(name, node))
            parts.extend(f"    {line}\n" for line in lines)
    return "".join(parts)


def public_names(module: str) -> list[str]:
    """Return the public names of a module, in order."""
    return sorted(PUBLIC[module] or _defined_names(module))


@cache
def _tree(module: str) -> ast.Module:
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))


def _statements(module: str) -> Iterator[ast.stmt]:
    """Yield the statements of a module, also those that only type checkers read."""
    for node in _tree(module).body:
        yield from node.body if isinstance(node, ast.If) else [node]


def _names(node: ast.stmt) -> list[str]:
    """Return the names that a statement defines."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    targets = (
        node.targets
        if isinstance(node, ast.Assign)
        else [node.target]
        if isinstance(node, ast.AnnAssign)
        else []
    )
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _defined_names(module: str) -> list[str]:
    """Return the names of ``__all__``, else every name without an underscore that the module defines."""
    for node in _statements(module):
        if isinstance(node, ast.Assign) and _names(node) == ["__all__"]:
            listed: list[str] = ast.literal_eval(node.value)
            return listed
    return [
        name for node in _statements(module) for name in _names(node) if name != "_" and name[0].isalpha()
    ]


def _definition(module: str, name: str) -> tuple[str, _Definition]:
    """Return the module that defines a name, and the statement that does; imports are followed."""
    for node in _statements(module):
        if isinstance(node, _Definition) and name in _names(node):
            return module, node
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _definition(node.module, alias.name)
    raise LookupError(f"{module} does not define {name}")


def _described(name: str, node: _Definition) -> Iterator[str]:
    """Yield the lines that describe a definition."""
    if isinstance(node, ast.ClassDef):
        yield from _class(node)
    elif isinstance(node, ast.FunctionDef):
        yield from _function(node)
    elif isinstance(node, ast.AnnAssign):
        yield f"{name}: {ast.unparse(node.annotation)}"
    else:  # the value of a type matters to users, the making of another value does not
        yield f"{name} = {ast.unparse(node.value)}" if name[0].isupper() else name


def _decorators(node: ast.ClassDef | ast.FunctionDef) -> Iterator[str]:
    for decorator in node.decorator_list:
        text = ast.unparse(decorator)
        if text.partition("(")[0].rpartition(".")[2] in _SHOWN:
            yield f"@{text}"


def _class(node: ast.ClassDef) -> Iterator[str]:
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    yield " ".join([*_decorators(node), f"class {node.name}({bases})" if bases else f"class {node.name}"])
    functions = []
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and _is_public(member.name):
            functions.append(member)
        elif isinstance(member, ast.AnnAssign) and _is_public(ast.unparse(member.target)):
            default = _default(member.value)
            yield f"    {ast.unparse(member.target)}: {ast.unparse(member.annotation)}{default}"
        elif isinstance(member, ast.Assign) and all(map(_is_public, _names(member))):
            yield f"    {ast.unparse(member)}"
    for function in sorted(functions, key=lambda function: function.name):
        yield from (f"    {line}" for line in _function(function))


def _is_public(name: str) -> bool:
    return not name.startswith("_") or (name.startswith("__") and name != "__slots__")


def _default(value: ast.expr | None) -> str:
    """Return how a field's default is shown: `` = ...``; nothing if the field must be given."""
    if isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] == "field":
        options = {keyword.arg: keyword.value for keyword in value.keywords}
        if "default_factory" in options:
            return f" = {ast.unparse(options['default_factory'])}()"
        value = options.get("default")
    if isinstance(value, ast.Name) and value.id.startswith("_"):
        return " = ..."
    return f" = {ast.unparse(value)}" if value else ""


def _function(node: ast.FunctionDef) -> Iterator[str]:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    yield " ".join([*_decorators(node), f"def {node.name}({ast.unparse(node.args)}){returns}"])


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        FILE.write_text(public_api(), encoding="utf-8")
    else:
        print(public_api(), end="")
