"""The page of tables: every table and view of this project with its columns, from conf/assets/."""

from pathlib import Path

from openaq_assets.graph.assets import Asset
from openaq_assets.project.project import load

from .markdown import code, page, table

_HEAD = """
Every table and view that a query can name, with its columns. Prod has the views that were promoted, and
reads dev's tables. [What the numbers mean](../explanation/views.md) explains the rules behind them.
"""


def tables_page(root: Path) -> str:
    """Return the page of a project's tables and views: views for readers, internal views, tables."""
    graph = load(root).graph
    assets = [asset for asset in graph if asset.kind.columns(asset)]
    views = [asset for asset in assets if asset.holds == "view"]
    internal = [asset for asset in views if _is_internal(asset)]
    return page(
        "Tables and views",
        _HEAD,
        "## Views for readers",
        *(_asset(asset) for asset in views if asset not in internal),
        "## Internal views",
        *(_asset(asset) for asset in internal),
        "## Tables",
        *(_asset(asset) for asset in assets if asset not in views),
    )


def _is_internal(asset: Asset) -> bool:
    return asset.common.description.startswith("Internal:")


def _asset(asset: Asset) -> str:
    rows = [
        (code(column.name), column.type, column.unit, column.description)
        for column in asset.kind.columns(asset)
    ]
    columns = table(["column", "type", "unit", "meaning"], rows)
    return "\n\n".join(filter(None, [f"### {asset.key}", asset.common.description, columns]))
