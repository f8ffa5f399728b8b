"""The open-data archive: its files byte for byte in the raw layer, and rows that agree with the API's."""

import datetime as dt
import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.archive_server import BROKEN, BUCKET, SLOW_DOWN, Archive, serving, without_aws
from support.scripted_server import KEY, Objects, Reply, Request

from openaq_assets.errors import PlatformError
from openaq_assets.graph.environment import Environment, LogicalEnvironment, Profile
from openaq_assets.graph.operations import Recipe, RecipeColumn, Ref
from openaq_assets.graph.raw_keys import RawKey, parse_raw_key, raw_key
from openaq_assets.graph.records import Facts
from openaq_assets.openaq.archive import fetch_archive
from openaq_assets.openaq.fetch import fetch
from openaq_assets.openaq.operations import Fetch
from openaq_assets.openaq.settings import Api
from openaq_assets.openaq.source import archive_of
from openaq_assets.platforms.transform.reference_decoder import decode, rows_frame, settled
from openaq_assets.platforms.transform.rows import opened
from openaq_simulator import Simulator, World
from openaq_simulator.archive import archive_objects, key_of

RAW = "memory://lake/dev/raw"
NOW = dt.datetime(2025, 4, 20, 12, tzinfo=dt.UTC)
FIRST, LAST = dt.date(2025, 3, 29), dt.date(2025, 4, 1)
DAYS = ("2025-03-29", "2025-03-30", "2025-03-31", "2025-04-01")
OSLO, QUARTERLY, COMMA = 9100002, 9000006, 9000005
INVENTORY = Fetch("locations", ("country=NO", "country=VN"), Ref("places_raw", "raw", ("2025-04-20",), uri=RAW))
FILES = Fetch(
    "archive", INVENTORY.locations, Ref("archive_raw", "raw", DAYS, uri=RAW),
    inventory=Ref("places_raw", "raw", uri=RAW), settled_after_hours=240,
)


def small_world(*places: int) -> World:
    """Return a world of Oslo (with summer time), a station with rows each quarter of an hour, and one with a comma."""
    world = World.synthetic(seed=3, foreign=(OSLO,))
    ids = set(places or (OSLO, QUARTERLY, COMMA))
    chosen = tuple(location for location in world.locations if location["id"] in ids)
    sensors = {key: sensor for key, sensor in world.sensors.items() if sensor.location_id in ids}
    return replace(world, locations=chosen, sensors=sensors)


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    """Yield an empty archive on loopback."""
    without_aws(monkeypatch)
    with serving() as server:
        yield server


@dataclass
class Bench:
    """A lake in memory with an inventory, and the archive that it reads."""

    archive: Archive
    world: World
    store: Objects = field(default_factory=Objects)
    now: dt.datetime = NOW

    def __post_init__(self) -> None:
        with Simulator(self.world, now=NOW, per_minute=None) as api:
            known = Api(api.url, KEY, requests_per_minute=0, requests_per_hour=0)
            fetch(INVENTORY, self.store, known, now=lambda: NOW)

    def fetch(self, operation: Fetch = FILES, **changed: Any) -> Mapping[str, Facts]:
        api = Api(archive_endpoint=self.archive.url, concurrency=4, **changed)
        return fetch_archive(operation, self.store, api, now=lambda: self.now)

    def stored(self) -> dict[RawKey, bytes]:
        """Return the archive's files in the lake."""
        objects = {parse_raw_key(uri): body for uri, body in self.store.bodies.items()}
        return {key: body for key, body in objects.items() if key and key.asset == "archive_raw"}


@pytest.fixture
def bench(archive: Archive) -> Bench:
    """Return a filled archive and a lake without its files."""
    made = Bench(archive, small_world())
    archive.fill(made.world, FIRST, LAST, NOW)
    return made


# --- fetching ------------------------------------------------------------------------------------


def test_files_are_stored_byte_for_byte_under_their_local_date(bench: Bench) -> None:
    """Every file is stored under the raw day of its date, with location and date in its name, byte for byte."""
    facts = bench.fetch()
    files = dict(archive_objects(bench.world, FIRST, LAST, NOW))
    actual = {key_of(int(key.values["location"]), dt.date.fromisoformat(key.values["date"])): body for key, body in bench.stored().items()}
    assert actual == files and len(files) == 12
    for uri in bench.store.bodies:
        if key := parse_raw_key(uri):
            assert key.asset == "places_raw" or uri.split("/raw/")[1].split("/archive_raw")[0].replace(
                "year=", "").replace("/month=", "").replace("/day=", "") == key.values["date"]
    assert {day: facts_of_day.objects for day, facts_of_day in facts.items()} == dict.fromkeys(DAYS, 3)
    assert sum(facts_of_day.rows for facts_of_day in facts.values()) == sum(gzip.decompress(body).count(b"\n") - 1 for body in files.values())
    assert all(facts_of_day.version and not facts_of_day.failures for facts_of_day in facts.values())


def test_what_is_known_beside_the_bytes_is_kept(bench: Bench) -> None:
    """The sidecar says where a file came from and when the archive wrote it."""
    bench.fetch()
    about = next(entry for uri, entry in bench.store.metadata.items() if "location=9100002__date=20250330" in uri)
    assert about["url"] == f"s3://{BUCKET}/{key_of(OSLO, dt.date(2025, 3, 30))}"
    assert about["etag"] and about["last-modified"] and about["retrieved"].startswith("2025-04-20T12:00:00")


def test_each_location_and_month_is_listed_once(bench: Bench) -> None:
    """Two months of three locations are six listings, whatever the number of days."""
    bench.fetch()
    listed = [request.query["prefix"] for request in bench.archive.log if "prefix" in request.query]
    assert len(listed) == len(set(listed)) == 6
    assert len(bench.archive.downloads()) == 12


def test_requests_are_anonymous(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials are used, although the environment has some."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA0000000000000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    bench.fetch()
    assert bench.archive.log
    assert not any("authorization" in map(str.lower, request.headers) for request in bench.archive.log)


def test_a_final_file_is_not_asked_for_twice(bench: Bench) -> None:
    """A file that was taken long after its day is downloaded again only if that is requested."""
    first = bench.fetch()
    del bench.archive.log[:]
    second = bench.fetch()
    assert bench.archive.log == []
    assert [facts_of_day.version for facts_of_day in second.values()] == [facts_of_day.version for facts_of_day in first.values()]
    again = bench.fetch(replace(FILES, again=True))
    assert len(bench.archive.downloads()) == 12 and len(bench.stored()) == 12
    assert [facts_of_day.version for facts_of_day in again.values()] == [facts_of_day.version for facts_of_day in first.values()]


def test_a_young_file_is_looked_at_again_and_kept_once(bench: Bench) -> None:
    """Within the lookback the same bytes are downloaded again and nothing is written."""
    bench.now = dt.datetime(2025, 4, 5, tzinfo=dt.UTC)
    before = bench.fetch()
    bench.now += dt.timedelta(hours=1)
    after = bench.fetch()
    assert len(bench.archive.downloads()) == 24 and len(bench.stored()) == 12
    assert [facts_of_day.version for facts_of_day in after.values()] == [facts_of_day.version for facts_of_day in before.values()]


def test_a_revised_file_is_a_new_object(bench: Bench) -> None:
    """A changed file is stored beside the old one; if it changes back, it is stored a third time."""
    bench.now = dt.datetime(2025, 4, 5, tzinfo=dt.UTC)
    bench.fetch()
    key, (first, two) = key_of(OSLO, dt.date(2025, 3, 30)), (b"", gzip.compress(b"other", mtime=0))
    first = dict(archive_objects(bench.world, FIRST, LAST, NOW))[key]
    for body in (two, first):
        bench.archive.put({key: body})
        bench.fetch()  # the clock stands still, and yet the last is the latest
    versions = sorted((key.retrieved, body) for key, body in bench.stored().items() if key.values == {"location": str(OSLO), "date": "20250330"})
    assert [body for _, body in versions] == [first, two, first] and len({at for at, _ in versions}) == 3


def test_a_missing_day_is_nothing(bench: Bench) -> None:
    """A day without a file, or whose file is removed after the listing, is no failure and leaves nothing."""
    gone = key_of(OSLO, dt.date(2025, 3, 30))
    bench.archive.remove([gone])
    facts = bench.fetch()
    assert facts["2025-03-30"].objects == 2 and not any(facts_of_day.failures for facts_of_day in facts.values())
    missing = Reply(404, b"<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>")
    bench.archive.fault = lambda request, _: missing if request.path.endswith(".gz") else None
    facts = bench.fetch(replace(FILES, again=True))
    assert not any(facts_of_day.failures for facts_of_day in facts.values()) and len(bench.stored()) == 11


def test_only_locations_that_may_have_data_are_listed(archive: Archive) -> None:
    """A station that was silent long before the days is not listed."""
    bench = Bench(archive, small_world(9000021, COMMA))  # the first fell silent on 2025-03-04
    late = replace(FILES, into=replace(FILES.into, partitions=("2025-04-10",)))
    bench.fetch(late)
    assert {request.query["prefix"].split("/")[2] for request in archive.log} == {f"locationid={COMMA}"}


@pytest.mark.parametrize("answer", [SLOW_DOWN, BROKEN, Reply(fault="truncate"), Reply(fault="reset")])
def test_passing_trouble_is_overcome(bench: Bench, answer: Reply) -> None:
    """A throttled, failing, cut-off or reset answer is requested again, and the stored file is complete."""
    bench.archive.fault = lambda request, number: answer if number == 1 and request.path.endswith(".gz") else None
    facts = bench.fetch()
    assert not any(facts_of_day.failures for facts_of_day in facts.values())
    assert sorted(bench.stored().values()) == sorted(dict(archive_objects(bench.world, FIRST, LAST, NOW)).values())


def test_a_location_that_fails_is_named_and_the_others_go_on(bench: Bench) -> None:
    """A lasting failure is a line of its days; stored files stay, and the other locations are fetched."""
    def fault(request: Request, number: int) -> Reply | None:
        listing = f"locationid={QUARTERLY}/year=2025/month=03" in request.query.get("prefix", "")
        one_file = request.path.endswith(f"location-{OSLO}-20250401.csv.gz")
        return BROKEN if listing or one_file else None

    bench.archive.fault = fault
    facts = bench.fetch()
    failures = {day: [line.partition(":")[0] for line in facts_of_day.failures] for day, facts_of_day in facts.items()}
    assert failures == {day: [f"location {QUARTERLY}"] for day in DAYS[:3]} | {DAYS[3]: [f"location {OSLO}"]}
    assert len(bench.stored()) == 12 - 3 - 1
    bench.archive.fault = lambda request, number: None
    del bench.archive.log[:]
    assert not any(facts_of_day.failures for facts_of_day in bench.fetch().values())
    assert len(bench.stored()) == 12 and len(bench.archive.downloads()) == 4


def test_a_bucket_that_is_not_there_stops_the_fetch(bench: Bench) -> None:
    """If no location can be read, one error says so instead of a line for each."""
    with pytest.raises(PlatformError, match=r"the archive cannot be read: .*NoSuchBucket"):
        bench.fetch(archive_bucket="no-such-bucket")


def test_without_an_inventory_the_fetch_says_what_to_run(archive: Archive) -> None:
    """Without an inventory nothing can be listed, and the error names the asset to run."""
    with pytest.raises(PlatformError, match="Run places_raw first"):
        fetch_archive(FILES, Objects(), Api(archive_endpoint=archive.url))
    assert archive.log == []


# --- whose archive -------------------------------------------------------------------------------


def claimed(store: Objects, **api: str) -> Api:
    """Return the archive's settings after a lake has accepted them."""
    environment = Environment("dev", Profile("local", "memory://lake", settings={"api": Api(**api)}), {"dev": LogicalEnvironment("d")})
    return archive_of(environment, store)


def test_synthetic_answers_are_not_mixed_with_the_real_archive() -> None:
    """A lake of the simulator, bundled or served, refuses OpenAQ's own bucket and takes another."""
    for owner in ("simulator", "http://127.0.0.1:8765/v3"):
        store = Objects()
        store.put("memory://lake/source.json", json.dumps({"api": owner}).encode())
        with pytest.raises(PlatformError, match="must not be mixed with"):
            claimed(store)
        assert claimed(store, archive_endpoint="http://127.0.0.1:1").archive_endpoint


def test_a_lake_keeps_to_one_archive() -> None:
    """OpenAQ's bucket goes only with OpenAQ's API, and a lake never changes its archive."""
    store = Objects()
    store.put("memory://lake/source.json", json.dumps({"api": Api().url}).encode())
    assert claimed(store).archive_bucket == BUCKET
    assert claimed(store, archive_endpoint="http://127.0.0.1:1")  # nobody has answered yet
    assert claimed(store).archive_bucket == BUCKET
    store.put("memory://lake/dev/raw/year=2026/month=01/day=09/an_answer.json", b"{}")
    with pytest.raises(PlatformError, match=f"contains data of {BUCKET}"):
        claimed(store, archive_endpoint="http://127.0.0.1:1")


# --- the recipe ----------------------------------------------------------------------------------

COLUMNS = (
    RecipeColumn("sensor_id", "bigint", ("sensors_id",), nullable=False),
    RecipeColumn("location", "varchar", ("location",)),
    RecipeColumn("unit", "varchar", ("units",)),
    RecipeColumn("value", "double", ("value",)),
    RecipeColumn("period_to", "timestamp", ("datetime",), nullable=False),
    RecipeColumn("latitude", "double", ("lat",)),
)
RECIPE = Recipe("", COLUMNS, ("sensor_id", "period_to"), ("period_to",), format="csv", partition_by_end="period_to", spread=1)
HEADER = "location_id,sensors_id,location,datetime,lat,lon,parameter,units,value"


def named(body: bytes, day: str = "2023-01-01", hour: int = 0) -> tuple[str, bytes]:
    """Return the URI of a file in the raw layer."""
    at = dt.datetime(2023, 2, 1, hour, tzinfo=dt.UTC)
    return str(raw_key("archive_raw", {"location": "7441", "date": day.replace("-", "")}, at, body, "csv.gz")), body


def zipped(*lines: str) -> bytes:
    """Return lines as a gzipped file."""
    return gzip.compress("\n".join((*lines, "")).encode(), mtime=0)


@pytest.mark.parametrize(
    ("line", "location", "value"),
    [
        ("7441,21632,Hanoi-7441,2023-01-01T08:00:00+07:00,21.02,105.8,pm25,µg/m³,71.0", "Hanoi-7441", 71.0),
        ('7,8,"Số 46, phố Lưu Quang Vũ-7","2023-01-01T08:00:00+07:00","21.02","105.8","pm10","µg/m³","41.23"', "Số 46, phố Lưu Quang Vũ-7", 41.23),
        ('7,8,"a ""b""\nc-7","2023-01-01T01:00:00Z","21.02","105.8","pm10","µg/m³","-999"', 'a "b"\nc-7', -999.0),
        ("7441,21632,Hanoi-7441,2022-12-31T20:00:00-05:00,,105.8,pm25,µg/m³,", "Hanoi-7441", None),
    ],
)
def test_lines_are_read_quoted_or_not(line: str, location: str, value: float | None) -> None:
    """Commas, quotes and line breaks in names, both forms of the archive, and empty cells as NULL."""
    decoded = decode(RECIPE, "2023-01-01", [named(zipped(HEADER, line))])
    assert decoded.bad == []
    (row,) = settled(RECIPE, rows_frame(RECIPE, decoded.rows)).to_dicts()
    assert (row["location"], row["value"], row["unit"]) == (location, value, "µg/m³")
    assert row["period_to"] == dt.datetime(2023, 1, 1, 1)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("7,8,x,2023-01-01T08:00:00,1,2,pm25,u,1.0", "period_to: '2023-01-01T08:00:00' is not timestamp"),
        ("7,8.0,x,2023-01-01T08:00:00Z,1,2,pm25,u,1.0", "sensor_id: '8.0' is not bigint"),
        ("7,8,x,2023-01-01T08:00:00Z,1,2,pm25,u,1_0", "value: '1_0' is not double"),
        ("7,8,x,2023-01-01T08:00:00Z,1,2,pm25,u, 1", "value: ' 1' is not double"),
        ("7,8,x,2023-01-01T08:00:00Z,1,2,pm25,u,nan", "value: 'nan' is not double"),
        ("7,,x,2023-01-01T08:00:00Z,1,2,pm25,u,1", "sensor_id: no value at sensors_id"),
        ("7,8,Số 46, phố x,2023-01-01T08:00:00Z,1,2,pm25,u,1", "10 cells"),
        ("7,8,x", "3 cells"),
        ("7,8,x,2023-01-03T08:00:00Z,1,2,pm25,u,1", "is not of the day 2023-01-01"),
    ],
)
def test_cells_are_read_strictly(cells: str, reason: str) -> None:
    """A cell that is not exactly a value of its type, a line of another length, or a far day is quarantined."""
    good = "7,9,x,2023-01-01T08:00:00Z,1,2,pm25,u,1.5"
    decoded = decode(RECIPE, "2023-01-01", [named(zipped(HEADER, cells, good))])
    assert len(decoded.rows) == 1
    (bad,) = decoded.bad
    assert reason in bad["reason"] and bad["position"] == 0


@pytest.mark.parametrize(
    "body",
    [b"", b"plain,text\n1,2\n", zipped(HEADER)[:20], zipped(HEADER)[:-9] + b"123456789", gzip.compress(b"\xff\xfe", mtime=0),
     zipped(HEADER, '7,8,"never closed'), zipped("a,a", "1,2"), gzip.compress(b"", mtime=0)],
)
def test_a_file_that_cannot_be_read_is_set_aside_once(body: bytes) -> None:
    """A file that is not a whole gzipped CSV is reported with its name, on its own day only."""
    name = named(body)
    own = decode(RECIPE, "2023-01-01", [name])
    assert own.rows == [] and own.bad[0]["object"] == name[0] and own.bad[0]["reason"].startswith("unreadable: ")
    assert decode(RECIPE, "2023-01-02", [], [name]).bad == []


def test_an_end_at_midnight_is_of_the_day_before() -> None:
    """A row belongs to the day of the second before its end, so neighbouring files hold some rows of a day."""
    lines = [f"7,8,x,{at},1,2,pm25,u,1" for at in (
        "2023-01-01T00:00:00Z", "2023-01-01T00:00:01Z", "2023-01-02T00:00:00Z", "2023-01-02T00:15:00Z")]
    name = named(zipped(HEADER, *lines))
    by_day = {day: [row[4] for row in decode(RECIPE, day, [name] if day.endswith("01-01") else [], [] if day.endswith("01-01") else [name]).rows]
              for day in ("2022-12-31", "2023-01-01", "2023-01-02")}
    midnight = dt.datetime(2023, 1, 1)
    assert by_day == {
        "2022-12-31": [midnight],
        "2023-01-01": [midnight + dt.timedelta(seconds=1), midnight + dt.timedelta(days=1)],
        "2023-01-02": [midnight + dt.timedelta(days=1, minutes=15)],
    }


def test_the_latest_retrieval_counts_across_neighbours() -> None:
    """A row that is in two files is taken from the file that was retrieved last, on any day."""
    old, new = (zipped(HEADER, f"7,8,x,2023-01-01T17:00:00Z,1,2,pm25,u,{value}") for value in (1, 2))
    own, near = named(old, hour=5), named(new, "2023-01-02", hour=6)
    for order in (([own], [near]), ([near], [own])):
        rows = rows_frame(RECIPE, decode(RECIPE, "2023-01-01", *order).rows)
        assert settled(RECIPE, rows)["value"].to_list() == [2.0]


@given(
    st.sampled_from(["json", "csv.gz"]),
    st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.from_regex(r"[A-Za-z0-9.,:-]{1,9}", fullmatch=True), max_size=3),
    st.datetimes(dt.datetime(1980, 1, 1), timezones=st.just(dt.UTC)), st.binary(max_size=9),
)
def test_round_trip_of_raw_names(extension: str, parts: dict[str, str], at: dt.datetime, body: bytes) -> None:
    """Every name reads back as the parts that it was made from, in every form of the file."""
    key = raw_key("archive_raw", parts, at, body, extension)
    assert parse_raw_key(f"lake/dev/raw/{key}") == key and str(key).endswith(f".{extension}")


def test_an_unquoted_name_keeps_its_commas() -> None:
    """Before 2024 nothing is quoted, so surplus cells belong to the station's name only."""
    line = "7,8,Số 46, phố Lưu Quang Vũ, Hà Nội-7,2023-01-01T08:00:00+07:00,21.0,105.8,pm25,µg/m³,41.2"
    recipe = replace(RECIPE, free_text="location")
    _, (row,) = opened(recipe, gzip.compress(f"{HEADER}\n{line}\n".encode(), mtime=0))
    assert row["location"] == "Số 46, phố Lưu Quang Vũ, Hà Nội-7"
    assert (row["datetime"], row["value"]) == ("2023-01-01T08:00:00+07:00", "41.2")
    _, (kept,) = opened(RECIPE, gzip.compress(f"{HEADER}\n{line}\n".encode(), mtime=0))
    assert len(kept) == 11
