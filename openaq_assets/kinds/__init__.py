"""The built-in kinds of asset, registered through the same hook as anyone's."""

from openaq_assets.definitions import Kind
from openaq_assets.hooks import hookimpl
from openaq_assets.kinds.catalog import Catalog
from openaq_assets.kinds.check import CheckAsset
from openaq_assets.kinds.dashboard import Dashboard
from openaq_assets.kinds.processed import Processed
from openaq_assets.kinds.raw import Raw
from openaq_assets.kinds.reference import ReferenceTable
from openaq_assets.kinds.view import View


@hookimpl
def asset_kinds() -> list[Kind]:
    """The seven kinds of the way from the API to a page."""
    return [Raw(), Processed(), ReferenceTable(), Catalog(), View(), CheckAsset(), Dashboard()]
