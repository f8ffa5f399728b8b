"""Find mistakes in the checks that YAML declares: unknown types and columns, missing fields, bounds."""

from collections.abc import Iterator, Mapping, Sequence

from openaq_assets.errors import Problem, nearest
from openaq_assets.graph.assets import Asset, AssetGraph
from openaq_assets.graph.checks import CheckType
from openaq_assets.graph.columns import Check, Column


def own_problems(asset: Asset, graph: AssetGraph) -> Iterator[Problem]:
    """Yield the problems of the checks that an asset declares for itself."""
    for index, check in enumerate(getattr(asset.spec, "checks", ())):
        where = f"checks[{index}]"
        if check.table:
            hint = "Remove 'table'. To check other tables, declare an asset of kind 'check'."
            yield asset.problem(f"{where}.table", "a check below an asset is always about that asset.", hint)
        yield from _reconcile_problems(asset, check, where, graph)
        columns = graph.columns(asset.key)
        for inside, message, hint in mistakes(check, asset.key, columns, graph.check_types):
            yield asset.problem(f"{where}.{inside}".rstrip("."), message, hint)


def _reconcile_problems(asset: Asset, check: Check, where: str, graph: AssetGraph) -> Iterator[Problem]:
    """Yield the reasons why a check cannot compare the rows of an asset with raw objects."""
    check_type = graph.check_types.get(check.check)
    if check_type is None or not check_type.reconciles:
        return
    if not asset.kind.from_raw:
        hint = "Move the check to a processed asset."
        yield asset.problem(
            f"{where}.check",
            f"check 'reconciles' needs raw objects, but '{asset.key}' is not made from them.",
            hint,
        )
    if getattr(asset.spec, "spread", 0):
        message = f"check 'reconciles' cannot be used, because the days of '{asset.key}' share raw objects."
        yield asset.problem(f"{where}.check", message, "Remove the check, or 'spread' of the asset.")


def missing(check: Check, types: Mapping[str, CheckType]) -> tuple[str, str, str] | None:
    """Return the missing field of a check, the message and the remedy; None if it is complete."""
    if check.check not in types:
        return "check", f"there is no check '{check.check}'.", nearest(check.check, types)
    check_type = types[check.check]
    for field in check_type.needs:
        if not getattr(check, field):
            return "", f"check '{check.check}' needs the field '{field}'.", f"Add '{field}: '."
    either = check_type.needs_one_of
    if either and all(getattr(check, field) is None for field in either):
        fields = " or ".join(f"'{field}'" for field in either)
        hint = " or ".join(f"'{field}: '" for field in either)
        return "", f"check '{check.check}' needs the field {fields}.", f"Add {hint}."
    if check.min is not None and check.max is not None and check.min > check.max:
        return "min", f"min {check.min:g} is above max {check.max:g}.", "Swap them."
    return None


def mistakes(
    check: Check, table: str, columns: Sequence[Column], types: Mapping[str, CheckType]
) -> Iterator[tuple[str, str, str]]:
    """Yield every mistake in a check of a table: the field, the message and the remedy."""
    known = {str(column.name): column.type for column in columns}
    named = [("column", check.column)] if check.column else []
    named += [(f"columns[{n}]", name) for n, name in enumerate(check.columns)]
    for where, name in named:
        if name not in known:
            yield where, f"table '{table}' has no column '{name}'.", nearest(name, known)
    if lacking := missing(check, types):
        yield lacking
        return
    fitting = types[check.check].types
    if fitting and check.column in known and known[check.column] not in fitting:
        kind = known[check.column]
        message = (
            f"column '{check.column}' is {kind}, but check '{check.check}' needs {' or '.join(fitting)}."
        )
        yield "column", message, "Choose another column."
