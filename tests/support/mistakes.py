"""The mistake kit: edits of a copy of the real project, which must be reported exactly."""

from dataclasses import dataclass
from pathlib import Path

RAW, PROCESSED, VIEWS = "conf/assets/raw.yaml", "conf/assets/processed.yaml", "conf/assets/views.yaml"
CHECKS, REFERENCE, EXPORTS = "conf/assets/checks.yaml", "conf/assets/reference.yaml", "conf/assets/exports.yaml"
CATALOG = "conf/assets/catalog.yaml"
SETTINGS, PLACES, LOCATIONS = "conf/openaq.yaml", "conf/environments.yaml", "conf/locations.yaml"
STATIONS, DAILY, LATEST = "views/view_stations.sql", "views/view_daily_average.sql", "views/view_latest_aqi.sql"
CITIES, PLUGIN = "conf/reference/cities.csv", "plugins/asset_kinds/export.py"


@dataclass(frozen=True)
class Edit:
    """One change of a file: text for text, or the whole file (None deletes it)."""

    path: str
    old: str | None
    new: str | bytes | None

    def apply(self, root: Path) -> None:
        """Change the file; the old text must be there exactly once."""
        path = root / self.path
        if self.new is None:
            path.unlink()
        elif self.old is None:
            path.write_bytes(self.new if isinstance(self.new, bytes) else self.new.encode())
        else:
            text = path.read_text(encoding="utf-8")
            assert text.count(self.old) == 1, (self.path, self.old, text.count(self.old))
            assert isinstance(self.new, str)
            path.write_text(text.replace(self.old, self.new), encoding="utf-8")


def swap(path: str, old: str, new: str) -> Edit:
    """Return an edit that replaces text."""
    return Edit(path, old, new)


def whole(path: str, new: str | bytes) -> Edit:
    """Return an edit that replaces a whole file."""
    return Edit(path, None, new)


def gone(path: str) -> Edit:
    """Return an edit that removes a file."""
    return Edit(path, None, None)


_HOOK = "from openaq_assets import hookimpl\n\n\n@hookimpl\n"
_TWICE = "openaq_assets.openaq.raw_kind"
KIT: dict[str, tuple[Edit, ...]] = {
    "misspelt field": (swap(RAW, "    inventory: ", "    inventroy: "),),
    "misspelt field of a column": (swap(VIEWS, "{name: reason, type", "{name: reason, tpye"),),
    "missing field": (swap(RAW, "    endpoint: hours\n", ""),),
    "missing kind": (swap(RAW, "  measurements_raw:\n    kind: raw\n", "  measurements_raw:\n"),),
    "number expected": (swap(CHECKS, "row_count, min: 1", "row_count, min: one"),),
    "a choice for new fields": (swap(PROCESSED, "    sort: [location_id]\n", "    on_new_field: wran\n    sort: [location_id]\n"),),
    "what is known is no path": (swap(PROCESSED, "    sort: [location_id]\n", "    known: [meta..page]\n    sort: [location_id]\n"),),
    "true or false expected": (swap(CHECKS, "bootstrap: true", "bootstrap: yes"),),
    "list for one value": (swap(RAW, "endpoint: hours", "endpoint: [hours]"),),
    "one value for a list": (swap(CATALOG, "[locations, measurements]", "locations"),),
    "text for a mapping": (swap(RAW, "  measurements_raw:\n", "  other: raw\n  measurements_raw:\n"),),
    "not a choice": (swap(PROCESSED, "{name: is_mobile, type: boolean", "{name: is_mobile, type: bool"),),
    "bad duration": (swap(RAW, "lookback: 3 days", "lookback: three days"),),
    "too short a duration": (swap(RAW, "active_within: 14 days", "active_within: 90 minutes"),),
    "bad name": (swap(CATALOG, "  openaq_tables:", "  OpenAQ-tables:"),),
    "both path and key": (swap(PROCESSED, "path: id, ", "path: id, key: location, "),),
    "unknown kind": (swap(CATALOG, "kind: catalog", "kind: catalogue"),),
    "unknown input asset": (swap(RAW, "inventory: locations_raw", "inventory: location_raw"),),
    "unknown declared input": (swap(VIEWS, "    sql: views/view_stations.sql\n", "    sql: views/view_stations.sql\n    inputs: [cities, citys]\n"),),
    "unknown table in SQL": (swap(DAILY, "FROM view_valid_hours", "FROM view_valid_hour"),),
    "database in SQL": (swap(DAILY, "FROM view_valid_hours", "FROM openaq_dev.view_valid_hours"),),
    "asset that is no table": (swap(DAILY, "FROM view_valid_hours", "FROM locations_raw"),),
    "unknown table of a check": (swap(CHECKS, "tables: [view_latest_aqi, ", "tables: [view_latest_aqi, view_dayly, "),),
    "unknown table of an export": (swap(EXPORTS, "table: view_latest_aqi", "table: view_last_aqi"),),
    "registered what is no table": (swap(CATALOG, "[locations, measurements]", "[locations, measurements, cities]"),),
    "unknown location": (swap(RAW, "    inventory: locations_raw\n", "    inventory: locations_raw\n    locations: [vietnam, cmt9]\n"),),
    "unknown check": (swap(CHECKS, "{check: contract}", "{check: contrat}"),),
    "unknown column of a check": (swap(CHECKS, "column: as_of", "column: asof"),),
    "unknown column in a list": (swap(CHECKS, "[location_id, local_day]", "[location_id, localday]"),),
    "check without its field": (swap(CHECKS, ", within: 2 days", ""),),
    "range upside down": (swap(CHECKS, "min: 0, max: 3000", "min: 3000, max: 0"),),
    "unknown environment of a check": (swap(CHECKS, "environment: prod", "environment: prd"),),
    "unknown column to sort by": (swap(PROCESSED, "sort: [location_id]", "sort: [locationid]"),),
    "column declared twice": (swap(PROCESSED, "{name: is_mobile,", "{name: is_monitor,"),),
    "key given twice": (swap(RAW, "    endpoint: hours\n", "    endpoint: hours\n    kind: raw\n"),),
    "asset in two files": (swap(EXPORTS, "assets:\n", "assets:\n  cities: {kind: catalog, tables: [locations]}\n"),),
    "table made twice": (whole("conf/assets/more.yaml", "assets:\n  again: {kind: catalog, tables: [locations]}\n"),),
    "cycle through inputs": (swap(RAW, "    endpoint: locations\n", "    endpoint: locations\n    inputs: [measurements_raw]\n"),),
    "cycle through SQL": (swap(STATIONS, "CROSS JOIN cities AS c", "CROSS JOIN cities AS c CROSS JOIN view_daily_average AS x"),),
    "asset that reads itself": (swap(RAW, "inventory: locations_raw", "inventory: measurements_raw"),),
    "missing SQL file": (swap(VIEWS, "sql: views/view_stations.sql", "sql: views/view_station.sql"),),
    "missing CSV file": (gone(CITIES),),
    "file outside the project": (swap(REFERENCE, "conf/reference/cities.csv", "../cities.csv"),),
    "undeclared CSV column": (swap(CITIES, "city,country,", "city,land,"),),
    "uneven CSV": (swap(CITIES, "Hải Phòng,VN,", "Hải Phòng,VN,Asia,"),),
    "bad SQL": (swap(DAILY, "GROUP BY location_id, local_day\n", "GRUOP BY location_id, local_day\n"),),
    "no SELECT": (whole(DAILY, "-- to do\nCREATE VIEW x AS SELECT 1 AS a\n"),),
    "two statements": (whole(DAILY, "SELECT 1 AS a;\nDROP TABLE cities\n"),),
    "open quote in SQL": (whole(DAILY, "SELECT 'abc AS a\n"),),
    "QUALIFY": (whole(DAILY, "SELECT a\nFROM cities\nQUALIFY row_number() OVER (ORDER BY a) = 1\n"),),
    "greatest": (swap(DAILY, "d.hours >= 18 AS valid_75", "greatest(d.hours, 18) AS valid_75"),),
    "SELECT *": (whole(DAILY, "SELECT\n  *\nFROM cities\n"),),
    "star of a table": (whole(DAILY, "SELECT c.* FROM cities AS c\n"),),
    "SQL column not declared": (swap(DAILY, "d.hours >= 18 AS valid_75", "d.hours >= 18 AS valid75"),),
    "SQL column without a name": (swap(DAILY, "d.hours >= 18 AS valid_75", "d.hours >= 18"),),
    "SQL columns in another order": (swap(DAILY, "s.location, s.city,", "s.city, s.location,"),),
    "bad indentation": (swap(RAW, "    endpoint: hours\n", "   endpoint: hours\n"),),
    "colon in text": (swap(RAW, "Hourly means per", "Hourly means: per"),),
    "tab": (swap(RAW, "    endpoint: hours\n", "\tendpoint: hours\n"),),
    "open bracket": (swap(RAW, "so2, co]", "so2, co"),),
    "control character": (swap(RAW, "Hourly means", "Hourly \x07means"),),
    "not UTF-8": (whole(RAW, "# café\nassets:\n  locations_raw: {}\n  measurements_raw: {}\n".encode("latin-1")),),
    "SQL not UTF-8": (whole(STATIONS, b"SELECT 1 AS a -- \xff\n"),),
    "alias": (swap(LOCATIONS, "  vietnam:\n", "  vietnam: &vn\n"), swap(LOCATIONS, "  cmt8:\n", "  again: *vn\n  cmt8:\n")),
    "two documents": (swap(LOCATIONS, "  cmt8:\n", "---\nlocations:\n  cmt8:\n"),),
    "unknown field in openaq.yaml": (swap(SETTINGS, "project: openaq", "project: openaq\nprojekt: x"),),
    "unknown field of a job": (swap(SETTINGS, "    schedule: manual ", "    shedule: manual "),),
    "fields of the profile aws": (
        swap(PLACES, "  memory: ", "  cloud: {platform: aws, root: s3://lake, aws: {transform: glu, regon: x}}\n  memory: "),
    ),
    "unknown field in environments.yaml": (swap(PLACES, "    tables_from: dev ", "    table_from: dev "),),
    "unknown field in locations.yaml": (swap(LOCATIONS, "locations:", "location:"),),
    "unknown version": (swap(SETTINGS, "version: 1", "version: 2"),),
    "default of an unknown kind": (swap(SETTINGS, "  view: {owner", "  veiw: {owner"),),
    "wrong default": (swap(SETTINGS, "raw: {owner: data, tags: [api]}", "raw: {owner: data, tags: api}"),),
    "bad cron": (swap(SETTINGS, "schedule: manual ", "schedule: '0 25 * * *' "),),
    "not a cron": (swap(SETTINGS, "schedule: manual ", "schedule: daily "),),
    "bad job selection": (swap(SETTINGS, '"+validate_prod_views or', '"+validate_prod_view or'),),
    "unreadable job selection": (swap(SETTINGS, '"+validate_prod_views or', '"(+validate_prod_views or'),),
    "days out of range": (swap(SETTINGS, "days: 3 ", "days: 0 "),),
    "limit that is no amount": (swap(SETTINGS, "days: 3 ", "max_cost: $5\n    days: 3 "),),
    "unknown environment of a job": (swap(SETTINGS, "environment: dev", "environment: development"),),
    "unknown platform": (swap(PLACES, "platform: local", "platform: locale"),),
    "tables from nowhere": (swap(PLACES, "tables_from: dev ", "tables_from: dve "),),
    "environment variable elsewhere": (swap(LOCATIONS, "country: VN", "country: ${env:COUNTRY}"),),
    "malformed environment variable": (swap(PLACES, "${env:OPENAQ_API_KEY}", "${env:OPENAQ-API-KEY}"),),
    "both country and id": (swap(LOCATIONS, "    country: VN\n", "    country: VN\n    id: 7\n"),),
    "neither country nor id": (swap(LOCATIONS, "    country: VN\n", "    description: all\n"),),
    "lower-case country": (swap(LOCATIONS, "country: VN", "country: vn"),),
    "name for a country": (swap(LOCATIONS, "country: VN", "country: Vietnam"),),
    "id out of range": (swap(LOCATIONS, "id: 3276359", "id: 0"),),
    "id with a leading zero": (swap(LOCATIONS, "id: 3276359", "id: 0123"),),
    "plugin with a syntax error": (swap(PLUGIN, 'name = "export"', 'name = = "export"'),),
    "plugin that raises": (whole("plugins/asset_kinds/bad.py", "x = 1\ny = x / 0\n"),),
    "plugin that returns nothing": (whole("plugins/asset_kinds/bad.py", f"{_HOOK}def asset_kinds():\n    pass\n"),),
    "two plugins with one kind": (
        whole("plugins/asset_kinds/twin.py", f"from {_TWICE} import Raw\n{_HOOK}def asset_kinds():\n    return [Raw()]\n"),
    ),
    "hook with a typo": (whole("plugins/asset_kinds/bad.py", f"{_HOOK}def asset_kind():\n    return []\n"),),
    "hook with another argument": (whole("plugins/asset_kinds/bad.py", f"{_HOOK}def lint_rules(grahp):\n    return []\n"),),
    "rule that fails": (whole("plugins/asset_kinds/bad.py", f"{_HOOK}def lint_rules(graph):\n    return graph.nodes\n"),),
    "own check of a column that is not there": (
        swap(PROCESSED, "    unique: [sensor_id, period_from]\n", "    unique: [sensor_id, period_from]\n    checks:\n      - {check: not_null, column: valeu}\n"),
    ),
    "own check of a type it cannot be asked of": (
        swap(PROCESSED, "    unique: [sensor_id, period_from]\n", "    unique: [sensor_id, period_from]\n    checks:\n      - {check: in_range, column: parameter, min: 0}\n"),
    ),
    "rows of a view compared with raw objects": (
        swap(CHECKS, "- {check: contract}", "- {check: reconciles}"),
    ),
    "e-mail for nobody": (
        swap(PLACES, "    platform: local\n", "    platform: local\n    notify: [{to: email}]\n"),
    ),
    "empty openaq.yaml": (whole(SETTINGS, ""),),
    "missing environments.yaml": (gone(PLACES),),
    "missing locations.yaml": (gone(LOCATIONS),),
}
