"""The operations that every platform carries out: what a plugin's kind composes."""

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
]  # fmt: skip
