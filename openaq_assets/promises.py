"""What an asset promises of its own rows: the ``checks:`` of its declaration."""

from collections.abc import Iterator

from openaq_assets.checks import mistakes
from openaq_assets.definitions import Asset
from openaq_assets.errors import Problem
from openaq_assets.graph import AssetGraph
from openaq_assets.operations import Ref
from openaq_assets.questions import Promise


def own_promises(asset: Asset, graph: AssetGraph) -> tuple[Promise, ...]:
    """The checks an asset declares of itself, as promises of the table it makes."""
    layer = asset.kind.name
    return tuple(
        Promise(check, graph.checks[check.check], asset.key, Ref(asset.key, layer),  # type: ignore[arg-type]
                tuple(asset.kind.columns(asset)))
        for check in getattr(asset.spec, "checks", ())
    )  # fmt: skip


def own_mistakes(asset: Asset, graph: AssetGraph) -> Iterator[Problem]:
    """What is wrong with the checks an asset declares of itself."""
    columns = asset.kind.columns(asset)
    for index, check in enumerate(asset.spec.checks):
        where = f"checks[{index}]"
        if check.table:
            hint = (
                "Remove it: an asset checks itself. A check of others is an asset of kind 'check'."
            )
            yield asset.problem(f"{where}.table", "the table is the asset's own.", hint)
        if check.check == "reconciles" and asset.kind.name != "processed":
            hint = "Only what is made from raw objects can be compared with them."
            yield asset.problem(f"{where}.check", f"'{asset.key}' is no processed asset.", hint)
        if check.check == "reconciles" and getattr(asset.spec, "spread", 0):
            message = f"the days of '{asset.key}' share raw objects ('spread')."
            yield asset.problem(f"{where}.check", message, "Remove it: rows cannot be told apart.")
        for inside, message, hint in mistakes(check, asset.key, columns, graph.checks):
            yield asset.problem(f"{where}.{inside}".rstrip("."), message, hint)
