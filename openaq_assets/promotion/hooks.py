"""What promotion brings as a plugin: the gate before the views of other environments, loaded when used."""

from typing import TYPE_CHECKING

from openaq_assets.markers import hookimpl

if TYPE_CHECKING:
    from openaq_assets.promotion.bootstrap import Gate


@hookimpl
def views_gate() -> "Gate":
    """Return the gate that knows promotions."""
    from openaq_assets.promotion.bootstrap import Gate

    return Gate()
