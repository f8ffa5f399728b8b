"""The operations that every platform carries out and that kinds of plugins return."""

from openaq_assets.graph.operations import (
    CreateView,
    Load,
    Operation,
    Query,
    Recipe,
    RecipeColumn,
    Ref,
    Register,
    Table,
    Transform,
)

__all__ = [
    "CreateView", "Load", "Operation", "Query", "Recipe", "RecipeColumn", "Ref", "Register", "Table",
    "Transform",
]  # fmt: skip  # a table of many short cells
