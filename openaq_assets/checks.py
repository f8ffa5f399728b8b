"""The names that a plugin with checks needs."""

from openaq_assets.graph.checks import CheckType
from openaq_assets.graph.columns import Check, Column

__all__ = ["Check", "CheckType", "Column"]
