"""sqlite_lake: a platform of a third party keeps the laws, and carries the jaffle shop from check to promote."""

import json
import sqlite3
from pathlib import Path

import pytest
from support.projects import REPOSITORY
from support.third_party import THIRD_PARTIES, Installed, install

from openaq_assets.testing import Lake, PlatformConformance, open_lake


class TestSqliteLake(PlatformConformance):
    """The laws of a platform."""

    @pytest.fixture
    def lake(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
        """Return an empty SQLite file."""
        monkeypatch.syspath_prepend(str(THIRD_PARTIES / "sqlite_lake"))
        from sqlite_lake.plugin import SQLITE

        return open_lake(SQLITE, str(tmp_path / "lake 'Việt'.db"))


@pytest.fixture
def shop(tmp_path: Path) -> Installed:
    """Return the jaffle shop with a profile whose platform is the third party's."""
    packages = install("sqlite_lake", tmp_path / "packages")
    shop = Installed.copy(REPOSITORY / "examples" / "jaffle_shop", tmp_path / "shop", packages)
    shop.edit("conf/environments.yaml", "profiles:\n", "profiles:\n  sqlite: {platform: sqlite, root: lake/shop.db}\n")
    shop.environ["OPENAQ_PROFILE"] = "sqlite"
    return shop


def test_the_jaffle_shop_from_check_to_promote(shop: Installed) -> None:
    """Every step of the example works on the third party's platform, and everything lies in its one file."""
    assert shop.call("check").stdout == "10 assets, 1 jobs: no problems.\n"
    assert shop.call("run", "--job", "jaffle_shop").stdout.splitlines()[-1] == "10 assets: 10 made."
    count = "SELECT count(*) AS n FROM orders"
    assert json.loads(shop.call("query", "--format", "json", "--env", "prod", count).stdout) == [{"n": 200}]
    shop.edit("views/customers.sql", "c.name,", "upper(c.name) AS name,")
    shop.call("run")
    assert "replaced   customers" in shop.call("promote").stdout
    shouted = "SELECT count(*) AS n FROM customers WHERE name = upper(name)"
    assert json.loads(shop.call("query", "--format", "json", "--env", "prod", shouted).stdout) == [{"n": 60}]
    assert "replaced   customers" in shop.call("rollback").stdout
    with sqlite3.connect(shop.root / "lake/shop.db") as lake:
        assert lake.execute("SELECT count(*) > 20 FROM objects").fetchone() == (1,)
    assert {path.suffix for path in (shop.root / "lake").iterdir()} <= {".db", ".db-wal", ".db-shm", ".turn"}
