"""The synthetic stations: their towns are real, their names plausible, and none of them exists."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Pollutant:
    """A parameter as the API describes it."""

    id: int
    name: str
    units: str
    display: str | None
    description: str | None
    meteorological: bool = False


def _mass(key: int, name: str, display: str, words: str) -> Pollutant:
    return Pollutant(key, name, "µg/m³", display, f"{words} mass concentration")


_SMALLER = "Particulate matter less than {} in diameter"

POLLUTANTS: dict[int, Pollutant] = {
    p.id: p
    for p in (
        _mass(1, "pm10", "PM10", _SMALLER.format("10 micrometers")),
        _mass(2, "pm25", "PM2.5", _SMALLER.format("2.5 micrometers")),
        _mass(3, "o3", "O₃ mass", "Ozone"),
        _mass(4, "co", "CO mass", "Carbon Monoxide"),
        _mass(5, "no2", "NO₂ mass", "Nitrogen Dioxide"),
        _mass(6, "so2", "SO₂ mass", "Sulfur Dioxide"),
        _mass(19, "pm1", "PM1", _SMALLER.format("1 micrometer")),
        Pollutant(98, "relativehumidity", "%", "RH", None, True),
        Pollutant(100, "temperature", "c", "Temperature (C)", None, True),
        Pollutant(125, "um003", "particles/cm³", "PM0.3 count", None),
    )
}


@dataclass(frozen=True)
class Climate:
    """The air of a city: mean PM2.5 in µg/m³, winter surplus, warmth in °C."""

    mean: float
    winter: float
    warmth: float = 26.0
    seasonal_warmth: float = 3.0


NORTH = Climate(38.0, 20.0, 24.0, 6.5)
NORTH_COAST = Climate(30.0, 14.0, 24.0, 6.0)
CENTRE = Climate(20.0, 6.0, 26.0, 4.0)
HIGHLANDS = Climate(16.0, 5.0, 21.0, 2.0)
SOUTH = Climate(22.0, 4.5, 28.0, 1.0)
BANGKOK = Climate(27.0, 13.0, 29.0, 1.5)
OSLO = Climate(8.0, 3.5, 6.5, 11.0)


def climate_at(latitude: float, country: str) -> Climate:
    """Return the climate of a recorded station by its latitude."""
    if country != "VN":
        return BANGKOK if latitude < 30 else OSLO
    steps = ((9.0, SOUTH), (11.5, HIGHLANDS), (12.5, CENTRE), (18.0, NORTH), (30.0, OSLO))
    return [climate for above, climate in steps if latitude >= above or above == 9.0][-1]


@dataclass(frozen=True)
class Station:
    """One synthetic location before it becomes API JSON."""

    id: int
    name: str
    locality: str | None
    latitude: float
    longitude: float
    climate: Climate
    parameters: tuple[int, ...]
    city: str
    timezone: str = "Asia/Ho_Chi_Minh"
    country: tuple[int, str, str] = (56, "VN", "Vietnam")
    first: str | None = "2024-01-01T00:00:00Z"
    last: str | None = None
    step: int = 3600
    traits: frozenset[str] = field(default_factory=frozenset)
    #: The first sensor id, if ids are not consecutive.
    sensors_from: int | None = None


FULL = (4, 5, 3, 1, 2, 6)
GASES = (4, 5, 1, 2)
DUST = (1, 2)
FINE = (2,)
LOW_COST = (19, 1, 2, 98, 100, 125)

_HN = ("Hanoi", NORTH, "Hà Nội", "Asia/Bangkok")
_SG = ("Ho Chi Minh City", SOUTH, "TP.HCM", "Asia/Ho_Chi_Minh")
_ZONE = "Asia/Ho_Chi_Minh"
_DN = ("Da Nang", CENTRE, "Đà Nẵng", _ZONE)
_HL = ("Ha Long", NORTH_COAST, "Hạ Long", "Asia/Bangkok")

#: name, latitude, longitude, (locality, climate, city, time zone), parameters, traits
_TABLE: tuple[tuple[str, float, float, tuple[str, Climate, str, str], tuple[int, ...], str], ...] = (
    ("Số 12, phố Hàng Bài (mô phỏng)", 21.0241, 105.8532, _HN, FULL, "null-flags"),
    ("Công viên Cầu Giấy, phố Thành Thái (mô phỏng)", 21.0297, 105.7903, _HN, FULL, "negative"),
    ("Hồ Tây, đường Thanh Niên (mô phỏng)", 21.0469, 105.8372, _HN, GASES, "minus999"),
    ("Khu đô thị Linh Đàm, quận Hoàng Mai (mô phỏng)", 20.9652, 105.8331, _HN, GASES, ""),
    ("Thị trấn Đông Anh (mô phỏng)", 21.1389, 105.8492, _HN, DUST, "stuck985"),
    ("Đường Nguyễn Trãi, Thanh Xuân (mô phỏng)", 20.9934, 105.8071, _HN, FULL, "quarter-hourly"),
    ("Chợ Bến Thành, Quận 1 (mô phỏng)", 10.7725, 106.6980, _SG, FULL, "null-flags"),
    ("Ngã tư Hàng Xanh, Bình Thạnh (mô phỏng)", 10.8013, 106.7113, _SG, GASES, "zero"),
    ("Khu công nghệ cao, TP. Thủ Đức (mô phỏng)", 10.8520, 106.7990, _SG, DUST, "locality-null"),
    ("Phú Mỹ Hưng, Quận 7 (mô phỏng)", 10.7290, 106.7190, _SG, FINE, "locality-na"),
    ("Bến xe Miền Tây, Bình Tân (mô phỏng)", 10.7405, 106.6185, _SG, DUST, "dead:2025-06-10"),
    ("Lạch Tray, Ngô Quyền (mô phỏng)", 20.8449, 106.6992,
     ("Hai Phong", NORTH_COAST, "Hải Phòng", "Asia/Bangkok"), GASES, "negative"),
    ("Đường Bạch Đằng, Hải Châu (mô phỏng)", 16.0680, 108.2247, _DN, FULL, "zero"),
    ("Bán đảo Sơn Trà (mô phỏng)", 16.0990, 108.2510, _DN, FINE, "no-data"),
    ("Số 83, đường Hùng Vương, Huế (mô phỏng)", 16.4585, 107.5980,
     ("Hue", CENTRE, "Huế", _ZONE), GASES, ""),
    ("Bến Ninh Kiều (mô phỏng)", 10.0340, 105.7880,
     ("Can Tho", SOUTH, "Cần Thơ", _ZONE), DUST, "null-flags"),
    ("Quảng trường Hồ Chí Minh, Vinh (mô phỏng)", 18.6720, 105.6920,
     ("Vinh", NORTH_COAST, "Vinh", _ZONE), DUST, "outage"),
    ("Đường Trần Phú, Nha Trang (mô phỏng)", 12.2395, 109.1965,
     ("Nha Trang", CENTRE, "Nha Trang", _ZONE), FINE, "zero"),
    ("Hồ Xuân Hương, Đà Lạt (mô phỏng)", 11.9420, 108.4450,
     ("Da Lat", HIGHLANDS, "Đà Lạt", _ZONE), FINE, "negative"),
    ("Ngã sáu Ban Mê, Buôn Ma Thuột (mô phỏng)", 12.6810, 108.0390,
     ("Buon Ma Thuot", HIGHLANDS, "Buôn Ma Thuột", _ZONE), DUST, ""),
    ("Đường An Dương Vương, Quy Nhơn (mô phỏng)", 13.7590, 109.2190,
     ("Quy Nhon", CENTRE, "Quy Nhơn", _ZONE), FINE, "dead:2025-03-04"),
    ("Bãi Cháy, Hạ Long (mô phỏng)", 20.9550, 107.0480, _HL, FULL, ""),
    ("Cẩm Phả, phường Cẩm Trung (mô phỏng)", 21.0090, 107.2790, _HL, DUST, "dead:2024-11-09"),
    ("Đường 30 Tháng 4, Biên Hòa (mô phỏng)", 10.9510, 106.8220,
     ("Bien Hoa", SOUTH, "Biên Hòa", _ZONE), GASES, ""),
)  # fmt: skip  # a table of many short cells


def _station(index: int) -> Station:
    """Return the station of one line of the table."""
    name, latitude, longitude, (locality, climate, city, zone), parameters, trait = _TABLE[index]
    named = {"locality-null": None, "locality-na": "N/A"}.get(trait, locality)
    first = None if trait == "no-data" else f"2024-01-{1 + index % 9:02d}T00:00:00Z"
    last = f"{trait[5:]}T05:00:00Z" if trait.startswith("dead:") else None
    step = 900 if trait == "quarter-hourly" else 3600
    return Station(
        9000001 + index,
        name,
        named,
        latitude,
        longitude,
        climate,
        parameters,
        city,
        timezone=zone,
        first=first,
        last=last,
        step=step,
        traits=frozenset({trait} - {""}),
    )


CMT8 = Station(
    3276359,
    "CMT8 (synthetic)",
    None,
    10.78533,
    106.67029,
    SOUTH,
    LOW_COST,
    "TP.HCM",
    first="2024-11-19T11:00:00Z",
    traits=frozenset({"low-cost"}),
    sensors_from=90000901,
)

#: Stations abroad, which are in a world only if their ids are given.
FOREIGN: dict[int, Station] = {
    9100001: Station(
        9100001,
        "Sathon, Bangkok (synthetic)",
        "Bangkok",
        13.7210,
        100.5290,
        BANGKOK,
        DUST,
        "Bangkok",
        "Asia/Bangkok",
        (111, "TH", "Thailand"),
        sensors_from=90000911,
    ),
    9100002: Station(
        9100002,
        "Grünerløkka, Oslo (synthetic)",
        "Oslo",
        59.9226,
        10.7590,
        OSLO,
        DUST,
        "Oslo",
        "Europe/Oslo",
        (53, "NO", "Norway"),
        sensors_from=90000921,
    ),
}


def vietnamese_stations() -> list[Station]:
    """Return the 24 numbered stations, then CMT8."""
    return [*(_station(index) for index in range(len(_TABLE))), CMT8]
