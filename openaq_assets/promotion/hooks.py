"""The hooks of promotion: the gate before the views of other environments, imported when it is used."""

from typing import TYPE_CHECKING

from openaq_assets.markers import hookimpl

if TYPE_CHECKING:
    from openaq_assets.promotion.bootstrap import Gate


@hookimpl
def views_gate() -> "Gate":
    """Return the gate that knows promotions."""
    from openaq_assets.promotion.bootstrap import Gate

    return Gate()
