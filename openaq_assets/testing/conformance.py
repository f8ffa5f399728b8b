"""The laws of every platform, as one class of tests."""

from openaq_assets.testing.object_laws import ObjectStoreLaws
from openaq_assets.testing.queries import QueryLaws
from openaq_assets.testing.tables import LoadLaws, RegisterLaws
from openaq_assets.testing.tickets import TicketLaws
from openaq_assets.testing.transforms import TransformLaws
from openaq_assets.testing.views import ViewLaws


class PlatformConformance(
    ObjectStoreLaws, TicketLaws, RegisterLaws, LoadLaws, TransformLaws, ViewLaws, QueryLaws
):
    """Every law of a platform, for a subclass with a fixture ``lake``, an empty lake for every test.

    ::

        class TestDuck(PlatformConformance):
            @pytest.fixture
            def lake(self, tmp_path):
                return open_lake(PLATFORM, f"{tmp_path}/lake")
    """
