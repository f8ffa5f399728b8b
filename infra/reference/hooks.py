"""The page of hooks: every signature and docstring of ``openaq_assets/plugins/specs.py``."""

import ast
import inspect
from collections.abc import Mapping

from openaq_assets.plugins import specs

from .markdown import block, page

_HEAD = """
A plugin implements a hook by a function of the same name, marked with `@hookimpl`. It may take fewer
arguments than the hook offers. [Write a plugin](../how-to/plugins.md) has examples.

Hooks are called through pluggy, so `tryfirst`, `trylast`, `specname` and wrappers
(`@hookimpl(wrapper=True)`) work as pluggy's documentation says. Old wrappers (`hookwrapper`) and
asynchronous hooks are refused.

Types are imported from `openaq_assets`, `openaq_assets.operations` and `openaq_assets.checks`.
"""
_FIRST = "The first answer that is not None counts."


def signatures() -> Mapping[str, ast.FunctionDef]:
    """Return the definition of every hook, by name, in the order of the source."""
    tree = ast.parse(inspect.getsource(specs))
    return {
        node.name: node
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any("hookspec" in ast.dump(mark) for mark in node.decorator_list)
    }


def signature(node: ast.FunctionDef) -> str:
    """Return the exact signature of a hook, as it is written in the source."""
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"def {node.name}({ast.unparse(node.args)}){returns}"


def hooks_page() -> str:
    """Return the page of hooks."""
    return page("Hooks", _HEAD, *(_hook(node) for node in signatures().values()))


def _hook(node: ast.FunctionDef) -> str:
    first = any("firstresult" in ast.dump(mark) for mark in node.decorator_list)
    text = (ast.get_docstring(node) or "").replace("``", "`")
    tested = f"Tested by `test_hook_{node.name}` in `tests/plugins/test_hooks.py`."
    body = " ".join(part for part in (text, _FIRST if first else "") if part)
    return "\n\n".join([f"## {node.name}", block(signature(node), "py"), body, tested])
