"""Expressions with their value and type in Athena and, translated, in DuckDB.

``CASES`` run on DuckDB (``sql/test_portable.py``) and on a real Trino (``trino/``): where the two
differ, the value here is Trino's. ``FAIL`` are errors on both; ``REFUSED`` cannot be written.
"""

import datetime as dt
import math
from decimal import Decimal
from typing import Any

T1 = "timestamp '2026-01-31 10:20:30'"
D1 = "date '2026-01-31'"
DOUBLES = "FROM (VALUES (1e0, 'a'), (nan(), 'b'), (CAST(NULL AS double), 'c'), (3e0, 'd')) AS v(x, s)"
NANS = "FROM (VALUES nan(), nan()) AS v(x)"
WHOLES = "FROM (VALUES (1, 'a'), (2, NULL), (4, 'c')) AS v(n, s)"
ROW = "FROM (VALUES (1)) AS v(one)"
NAN = math.nan


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


Case = tuple[str, str, Any]
CASES: list[Case] = [
    # division of whole numbers is cut towards zero
    ("7 / 2", "integer", 3), ("-7 / 2", "integer", -3), ("7 / -2", "integer", -3),
    ("CAST(7 AS bigint) / 2", "bigint", 3), (f"count(*) / 2 {WHOLES}", "bigint", 1),
    (f"sum(n) / count(*) {WHOLES}", "bigint", 2), ("7 / 2e0", "double", 3.5), ("7 / 2 * 2", "integer", 6),
    ("CAST(7 AS double) / 2", "double", 3.5), ("1 + 7 / 2", "integer", 4), ("8 / (7 / 2)", "integer", 2),
    ("1e0 / 0", "double", math.inf), ("0e0 / 0", "double", NAN), ("nullif(0, 0) / 2", "integer", None),
    ("7 % 3", "integer", 1), ("-7 % 3", "integer", -1), ("mod(7, 3)", "integer", 1), ("mod(-7.5e0, 2)", "double", -1.5),
    ("9223372036854775807 / 2", "bigint", 4611686018427387903),
    # aggregates have the type of their argument, or bigint
    (f"sum(n) {WHOLES}", "bigint", 7), (f"sum(CAST(n AS bigint)) {WHOLES}", "bigint", 7),
    (f"sum(n) FILTER (WHERE n > 1) {WHOLES}", "bigint", 6), (f"count_if(n > 1) {WHOLES}", "bigint", 2),
    (f"count_if(n > 1) FILTER (WHERE n < 4) {WHOLES}", "bigint", 1),
    (f"sum(CAST(n AS double)) {WHOLES}", "double", 7.0), (f"avg(n) {WHOLES}", "double", 7 / 3),
    (f"count(*) {WHOLES}", "bigint", 3), (f"count(s) {WHOLES}", "bigint", 2), (f"count(DISTINCT s) {WHOLES}", "bigint", 2),
    (f"max(n) {WHOLES}", "integer", 4), (f"min(s) {WHOLES}", "varchar", "a"), (f"max(s) {WHOLES}", "varchar", "c"),
    (f"bool_and(n > 0) {WHOLES}", "boolean", True), (f"bool_or(n > 9) {WHOLES}", "boolean", False),
    (f"arbitrary(one) {ROW}", "integer", 1),
    (f"stddev_pop(one) {ROW}", "double", 0.0), (f"stddev(one) {ROW}", "double", None),
    (f"var_pop(one) {ROW}", "double", 0.0), (f"variance(one + 1) {ROW}", "double", None),
    (f"array_join(array_agg(s ORDER BY n), ',') {WHOLES}", "varchar", "a,c"),
    (f"listagg(s, ',') WITHIN GROUP (ORDER BY n DESC) {WHOLES}", "varchar", "c,a"),
    # the value beside the greatest may be NULL
    (f"max_by(s, n) {WHOLES}", "varchar", "c"), (f"min_by(s, -n) {WHOLES}", "varchar", "c"),
    ("max_by(x, k) FROM (VALUES (1, 1), (NULL, 2)) AS v(x, k)", "integer", None),
    ("min_by(x, k) FROM (VALUES (NULL, 1), (1, 2)) AS v(x, k)", "integer", None),
    ("max_by(x, k) FROM (VALUES (1, 1), (2, NULL)) AS v(x, k)", "integer", 1),
    # windows
    (f"sum(n) OVER (ORDER BY n) {WHOLES} ORDER BY n DESC LIMIT 1", "bigint", 7),
    (f"count_if(n > 1) OVER () {WHOLES} LIMIT 1", "bigint", 2),
    (f"row_number() OVER (ORDER BY n) {WHOLES} ORDER BY n DESC LIMIT 1", "bigint", 3),
    (f"rank() OVER (ORDER BY n) {WHOLES} ORDER BY n DESC LIMIT 1", "bigint", 3),
    (f"dense_rank() OVER (ORDER BY n) {WHOLES} ORDER BY n DESC LIMIT 1", "bigint", 3),
    (f"percent_rank() OVER (ORDER BY n) {WHOLES} ORDER BY n DESC LIMIT 1", "double", 1.0),
    (f"cume_dist() OVER (ORDER BY n) {WHOLES} ORDER BY n DESC LIMIT 1", "double", 1.0),
    (f"ntile(3) OVER (ORDER BY n) {WHOLES} ORDER BY n DESC LIMIT 1", "bigint", 3),
    (f"lag(n) OVER (ORDER BY n) {WHOLES} ORDER BY n DESC LIMIT 1", "integer", 2),
    (f"lead(n, 1, 9) OVER (ORDER BY n) {WHOLES} ORDER BY n DESC LIMIT 1", "integer", 9),
    (f"first_value(n) OVER (ORDER BY n) {WHOLES} ORDER BY n DESC LIMIT 1", "integer", 1),
    (f"last_value(n) OVER (ORDER BY n) {WHOLES} ORDER BY n LIMIT 1", "integer", 1),
    (f"nth_value(n, 2) OVER (ORDER BY n) {WHOLES} ORDER BY n DESC LIMIT 1", "integer", 2),
    (f"sum(n) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) {WHOLES} ORDER BY n DESC LIMIT 1", "bigint", 6),
    # NULL comes last, whatever the direction
    (f"s {WHOLES} ORDER BY s DESC LIMIT 1", "varchar", "c"), (f"s {WHOLES} ORDER BY s OFFSET 2", "varchar", None),
    # NaN is in no relation; greatest and least leave it out
    ("nan() = nan()", "boolean", False), ("nan() <> nan()", "boolean", True), ("nan() > 1", "boolean", False),
    ("nan() >= nan()", "boolean", False), ("1 < nan()", "boolean", False), ("nan() < 1", "boolean", False),
    ("nan() BETWEEN 0 AND 1", "boolean", False), ("NOT (nan() BETWEEN 0 AND 1)", "boolean", True),
    ("NOT (nan() > 1)", "boolean", True), ("nan() > CAST(NULL AS double)", "boolean", None),
    ("1e0 BETWEEN 0e0 AND nan()", "boolean", False), ("nan() IN (1e0, 2e0)", "boolean", False),
    ("nan() NOT IN (1e0, 2e0)", "boolean", True), ("nan() IS DISTINCT FROM nan()", "boolean", False),
    (f"count(*) {DOUBLES} WHERE x > 0", "bigint", 2), (f"count(*) {DOUBLES} WHERE NOT x > 0", "bigint", 1),
    (f"count(*) {DOUBLES} WHERE x >= 0 AND x <= 5", "bigint", 2), (f"count(*) {DOUBLES} WHERE x = x", "bigint", 2),
    (f"count(*) {DOUBLES} WHERE x <> 1", "bigint", 2), (f"count(*) {DOUBLES} WHERE x <> x", "bigint", 1),
    (f"max(x) {DOUBLES}", "double", 3.0), (f"min(x) {DOUBLES}", "double", 1.0), (f"max(x) {NANS}", "double", NAN),
    (f"max(x) FILTER (WHERE s <> 'd') {DOUBLES}", "double", 1.0), (f"max(x) OVER () {DOUBLES} LIMIT 1", "double", 3.0),
    (f"max_by(s, x) {DOUBLES}", "varchar", "d"), (f"min_by(s, x) {DOUBLES}", "varchar", "a"),
    (f"avg(x) {DOUBLES}", "double", NAN), (f"count(DISTINCT x) {NANS}", "bigint", 1),
    (f"s {DOUBLES} ORDER BY x DESC LIMIT 1", "varchar", "b"),
    ("is_nan(nan())", "boolean", True), ("is_finite(nan())", "boolean", False), ("is_finite(1e0)", "boolean", True),
    ("is_infinite(infinity())", "boolean", True), ("infinity() > 1e308", "boolean", True),
    ("CASE WHEN nan() > 1 THEN 'more' ELSE 'not more' END", "varchar", "not more"),
    # dates stay dates; units are whole
    (f"{D1} + INTERVAL '1' MONTH", "date", day("2026-02-28")), (f"{D1} - INTERVAL '1' DAY", "date", day("2026-01-30")),
    (f"date_add('day', 1, {D1})", "date", day("2026-02-01")), (f"date_add('month', 1, {D1})", "date", day("2026-02-28")),
    (f"date_trunc('month', {D1})", "date", day("2026-01-01")), (f"date_trunc('week', {D1})", "date", day("2026-01-26")),
    (f"date_trunc('hour', {T1})", "timestamp", at("2026-01-31 10:00:00")),
    (f"date_trunc('day', {T1})", "timestamp", at("2026-01-31 00:00:00")),
    (f"date_add('hour', -3, {T1})", "timestamp", at("2026-01-31 07:20:30")),
    (f"{T1} + INTERVAL '7' HOUR", "timestamp", at("2026-01-31 17:20:30")),
    (f"{T1} - INTERVAL '90' MINUTE", "timestamp", at("2026-01-31 08:50:30")),
    ("date_diff('hour', timestamp '2026-01-01 00:59:00', timestamp '2026-01-01 01:01:00')", "bigint", 0),
    ("date_diff('day', timestamp '2026-01-02 00:00:00', timestamp '2026-01-01 01:00:00')", "bigint", 0),
    ("date_diff('minute', timestamp '2026-01-02 00:00:59', timestamp '2026-01-02 00:01:00')", "bigint", 0),
    ("date_diff('day', date '2026-01-01', date '2026-01-03')", "bigint", 2),
    ("date_diff('month', date '2026-01-31', date '2026-02-28')", "bigint", 1),
    ("date_diff('month', date '2026-03-31', date '2026-02-28')", "bigint", -1),
    ("date_diff('year', date '2024-02-29', date '2025-02-28')", "bigint", 1),
    ("date_diff('week', timestamp '2026-01-01 12:00:00', timestamp '2026-01-08 11:00:00')", "bigint", 0),
    (f"year({D1})", "bigint", 2026), (f"month({D1})", "bigint", 1), (f"day({D1})", "bigint", 31),
    (f"hour({T1})", "bigint", 10), (f"minute({T1})", "bigint", 20), (f"second({T1})", "bigint", 30),
    (f"extract(HOUR FROM {T1})", "bigint", 10), (f"quarter({D1})", "bigint", 1), ("week(date '2026-01-01')", "bigint", 1),
    ("day_of_week(date '2026-01-04')", "bigint", 7), ("day_of_year(date '2026-02-01')", "bigint", 32),
    ("year_of_week(date '2027-01-01')", "bigint", 2026), (f"last_day_of_month({D1})", "date", day("2026-01-31")),
    (f"date({T1})", "date", day("2026-01-31")), (f"CAST({T1} AS date)", "date", day("2026-01-31")),
    (f"CAST({D1} AS timestamp)", "timestamp", at("2026-01-31 00:00:00")), (f"{T1} > {D1}", "boolean", True),
    (f"CAST({D1} AS varchar)", "varchar", "2026-01-31"), (f"date_format({T1}, '%Y%m%d%H%i%s')", "varchar", "20260131102030"),
    ("date_parse('2026-01-31 10:20', '%Y-%m-%d %H:%i')", "timestamp", at("2026-01-31 10:20:00")),
    ("from_iso8601_date('2026-01-31')", "date", day("2026-01-31")), (f"to_iso8601({D1})", "varchar", "2026-01-31"),
    (f"to_iso8601(CAST({T1} AS timestamp))", "varchar", "2026-01-31T10:20:30.000"),
    (f"to_unixtime({T1})", "double", 1769854830.0),
    ("CAST(from_unixtime(0) AS timestamp)", "timestamp", at("1970-01-01 00:00:00")),
    ("CAST(from_iso8601_timestamp('2026-01-31T10:20:30+07:00') AT TIME ZONE 'UTC' AS timestamp)", "timestamp", at("2026-01-31 03:20:30")),
    ("date_diff('day', current_date, CAST(now() AS date))", "bigint", 0), ("localtimestamp > date '2020-01-01'", "boolean", True),
    ("current_timestamp > from_iso8601_timestamp('2020-01-01T00:00:00Z')", "boolean", True),
    # time zones: a time without one is of UTC
    (f"CAST({T1} AT TIME ZONE 'Asia/Ho_Chi_Minh' AS timestamp)", "timestamp", at("2026-01-31 17:20:30")),
    (f"CAST(({T1} AT TIME ZONE 'Pacific/Apia') AS date)", "date", day("2026-01-31")),
    (f"CAST(at_timezone(with_timezone({T1}, 'UTC'), 'Asia/Ho_Chi_Minh') AS timestamp)", "timestamp", at("2026-01-31 17:20:30")),
    (f"CAST(with_timezone({T1}, 'Asia/Ho_Chi_Minh') AT TIME ZONE 'UTC' AS timestamp)", "timestamp", at("2026-01-31 03:20:30")),
    (f"CAST(with_timezone({T1}, 'Asia/Ho_Chi_Minh') AS timestamp)", "timestamp", at("2026-01-31 10:20:30")),
    ("CAST(timestamp '2026-03-29 00:30:00' AT TIME ZONE 'Europe/Oslo' AS timestamp)", "timestamp", at("2026-03-29 01:30:00")),
    ("CAST(timestamp '2026-03-29 01:30:00' AT TIME ZONE 'Europe/Oslo' AS timestamp)", "timestamp", at("2026-03-29 03:30:00")),
    # numbers: rounding is half away from zero
    ("CAST(2.5e0 AS bigint)", "bigint", 3), ("CAST(3.5e0 AS bigint)", "bigint", 4), ("CAST(-2.5e0 AS bigint)", "bigint", -3),
    ("CAST(2.4e0 AS integer)", "integer", 2), ("CAST(2.5 AS bigint)", "bigint", 3), ("CAST(-2.5 AS bigint)", "bigint", -3),
    ("round(2.5e0)", "double", 3.0), ("round(-2.5e0)", "double", -3.0), ("round(2.345e0, 2)", "double", 2.35),
    ("round(1.005e0, 2)", "double", 1.0), ("round(5)", "integer", 5), ("truncate(-2.7e0)", "double", -2.0),
    ("ceil(1.2e0)", "double", 2.0), ("floor(-1.5e0)", "double", -2.0), ("abs(-2)", "integer", 2), ("abs(-2.5e0)", "double", 2.5),
    ("sign(-2e0)", "double", -1.0), ("sign(-2)", "integer", -1), ("sign(CAST(5 AS bigint))", "bigint", 1),
    ("power(2, 3)", "double", 8.0), ("sqrt(2e0)", "double", 2**0.5), ("exp(0)", "double", 1.0), ("ln(1)", "double", 0.0),
    ("log10(100)", "double", 2.0), ("log(2, 8)", "double", 3.0), ("radians(180)", "double", math.pi), ("degrees(pi())", "double", 180.0),
    ("cos(0)", "double", 1.0), ("sin(0)", "double", 0.0), ("tan(0)", "double", 0.0), ("acos(1)", "double", 0.0),
    ("asin(0)", "double", 0.0), ("atan(0)", "double", 0.0), ("atan2(0, 1)", "double", 0.0), ("cbrt(8)", "double", 2.0),
    ("TRY_CAST('x' AS bigint)", "bigint", None), ("coalesce(NULL, 2)", "integer", 2), ("nullif(1, 2)", "integer", 1),
    ("if(true, 1, 2)", "integer", 1), ("if(false, 1)", "integer", None), ("CASE WHEN false THEN 1 END", "integer", None),
    ("CAST(true AS varchar)", "varchar", "true"), ("CAST(17 AS varchar)", "varchar", "17"),
    ("1 IS DISTINCT FROM NULL", "boolean", True), ("NOT CAST(NULL AS boolean)", "boolean", None),
    # decimals: exact, as long as nothing is divided
    ("CAST(9.1 AS double)", "double", 9.1), ("CAST(CAST(1.50 AS decimal(5, 2)) AS varchar)", "varchar", "1.50"),
    ("CAST(floor(CAST(9.1e0 AS decimal(18, 6)) * 10) AS bigint)", "bigint", 91),
    ("CAST(floor(CAST(9.09999999e0 AS decimal(18, 6)) * 10) AS bigint)", "bigint", 91),
    ("CAST(floor(CAST(9.0999e0 AS decimal(18, 6)) * 10) AS bigint)", "bigint", 90),
    ("CAST(CAST(1.0000005e0 AS decimal(18, 6)) AS varchar)", "varchar", "1.000001"),
    ("CAST(CAST(-1.0000005e0 AS decimal(18, 6)) AS varchar)", "varchar", "-1.000001"),
    ("CAST(1.5 + 2 AS double)", "double", 3.5), ("CAST(1.5 * 2.25 AS varchar)", "varchar", "3.375"), ("1.5 < 2", "boolean", True),
    ("CAST(21.03 AS decimal(9, 6)) * 1e0", "double", 21.03), ("1 / 2.5e0", "double", 0.4), ("2.5 / 1e0", "double", 2.5),
    ("CAST(CAST(round(2.5) AS bigint) AS varchar)", "varchar", "3"),
    ("CAST(1.5 * 2 AS double)", "double", 3.0), ("1.5 * 2e0", "double", 3.0), ("2 + 0.5e0 * 3", "double", 3.5),
    ("CAST(CAST(1 AS bigint) * 1.5 AS double)", "double", 1.5), ("1.5 > 1e0", "boolean", True), ("coalesce(NULL, 1.5e0, 2)", "double", 1.5),
    ("CASE WHEN true THEN 1 ELSE 1.5e0 END / 2", "double", 0.5), ("(1 + 2.0e0) / 2", "double", 1.5), ("-7 / 2e0", "double", -3.5),
    # text
    ("'a' || 'b'", "varchar", "ab"), ("'a' || CAST(NULL AS varchar)", "varchar", None), ("concat('a', 'b', 'c')", "varchar", "abc"),
    ("concat('a', CAST(NULL AS varchar))", "varchar", None), ("concat_ws(',', 'a', NULL, 'b')", "varchar", "a,b"),
    ("split_part('a-b', '-', 2)", "varchar", "b"), ("split_part('a', '-', 2)", "varchar", None), ("split_part('a-', '-', 2)", "varchar", ""),
    ("lower('ÀB')", "varchar", "àb"), ("upper('àb')", "varchar", "ÀB"), ("trim(' a ')", "varchar", "a"), ("ltrim(' a')", "varchar", "a"),
    ("rtrim('a ')", "varchar", "a"), ("replace('aXa', 'X', '-')", "varchar", "a-a"), ("replace('aX', 'X')", "varchar", "a"),
    ("substr('hello', 2)", "varchar", "ello"), ("substr('hello', -2)", "varchar", "lo"), ("substr('hello', 2, 2)", "varchar", "el"),
    ("length('é')", "bigint", 1), ("strpos('abc', 'b')", "bigint", 2), ("position('b' IN 'abc')", "bigint", 2),
    ("starts_with('abc', 'a')", "boolean", True), ("'abc' LIKE 'a%'", "boolean", True), ("lpad('7', 2, '0')", "varchar", "07"),
    ("rpad('7', 3, '0')", "varchar", "700"), ("reverse('abc')", "varchar", "cba"), ("chr(65)", "varchar", "A"),
    ("translate('abc', 'ab', 'xy')", "varchar", "xyc"), ("levenshtein_distance('ab', 'ac')", "bigint", 1),
    ("regexp_like('abc', 'b')", "boolean", True), ("regexp_extract('a12', '[0-9]+')", "varchar", "12"),
    ("regexp_extract('a12b', '(a)([0-9]+)', 2)", "varchar", "12"), ("regexp_replace('a1b1', '1', '2')", "varchar", "a2b2"),
    ("'B' < 'a'", "boolean", True), ("'é' > 'z'", "boolean", True), ("'' = ''", "boolean", True),
    # text to other types: nothing is guessed
    ("CAST('2026-01-31 10:20:30' AS timestamp)", "timestamp", at("2026-01-31 10:20:30")),
    *((f"TRY_CAST(t AS {kind}) FROM (VALUES '{text}') AS v(t)", kind, answer) for kind, text, answer in (
        ("date", "2026-01-31", day("2026-01-31")), ("date", "2026-1-4", day("2026-01-04")), ("date", "2026-13-40", None),
        ("date", "epoch", None), ("date", "infinity", None), ("date", "", None), ("date", "2026-01-31 10:20:30", None),
        ("timestamp", "2026-01-31 10:20:30", at("2026-01-31 10:20:30")), ("timestamp", "2026-01-31T10:20:30", None),
        ("timestamp", "2026-01-31", at("2026-01-31 00:00:00")), ("timestamp", "2026-01-31 10:20", at("2026-01-31 10:20:00")),
        ("timestamp", "yesterday", None), ("timestamp", "2026-01-31 25:00:00", None),
        ("bigint", "12", 12), ("bigint", "-12", -12), ("bigint", "1.5", None), ("bigint", " 1 ", None), ("bigint", "1_000", None),
        ("bigint", "", None), ("integer", "7", 7), ("integer", "7e0", None), ("double", "1.5", 1.5), ("double", "x", None),
        ("double", "-2e3", -2000.0),
    )),
    # arrays
    ("element_at(ARRAY[1, 2], 2)", "integer", 2), ("element_at(ARRAY[1, 2], 9)", "integer", None), ("element_at(ARRAY[1, 2], -1)", "integer", 2),
    ("cardinality(ARRAY[1, 2])", "bigint", 2), ("cardinality(split('a,b', ','))", "bigint", 2), ("contains(ARRAY[1, 2], 2)", "boolean", True),
    ("sum(n) FROM UNNEST(sequence(1, 4)) AS u(n)", "bigint", 10),
    ("max(d) FROM UNNEST(sequence(date '2026-01-30', date '2026-02-02', INTERVAL '1' DAY)) AS u(d)", "date", day("2026-02-02")),
    ("count(*) FROM (VALUES 1) AS v(x) WHERE EXISTS (SELECT 1 AS y FROM (VALUES 1) AS w(z) WHERE w.z = v.x)", "bigint", 1),
    ("CAST(1 AS bigint) FROM (VALUES 1) AS v(x) WHERE x = 1 AND (x = 2 OR x < 3)", "bigint", 1),
]

FAIL: list[str] = [
    "7 / 0", "7 % 0", "CAST(7 AS bigint) / 0", "CAST('a' AS bigint)", "CAST(t AS bigint) FROM (VALUES '1.5') AS v(t)",
    "CAST(t AS date) FROM (VALUES 'epoch') AS v(t)", "CAST(t AS timestamp) FROM (VALUES '2026-01-31T10:20:30') AS v(t)",
    "CAST(9223372036854775807 AS bigint) + 1", "2147483647 + 1", "CAST(1e30 AS bigint)", "CAST(nan() AS bigint)",
    "sum(x) FROM (VALUES 9223372036854775807, CAST(1 AS bigint)) AS v(x)", "date_parse('x', '%Y')",
]

REFUSED: list[tuple[str, str]] = [
    ("greatest(1, NULL)", "greatest: if one argument is NULL"), ("least(1, 2)", "least: if one argument is NULL"),
    ("try(1 / 0)", "try: a division by zero"), ("json_value('{}', 'lax $.a')", "json_value: Athena and DuckDB read paths"),
    ("json_extract_scalar('{}', '$.a')", "json_extract_scalar: Athena and DuckDB read paths"), ("json_extract('{}', '$.a')", "json_extract: Athena and DuckDB read paths"),
    ("approx_distinct(1)", "approx_distinct: Athena and DuckDB"), ("approx_percentile(1, 0.5)", "approx_percentile: Athena and DuckDB"),
    ("format('%d', 1)", "format: Athena and DuckDB have"), (f"format_datetime({T1}, 'yyyy')", "format_datetime: DuckDB does not have"),
    ("parse_datetime('2026', 'yyyy')", "parse_datetime: DuckDB does not have"), ("typeof(1)", "typeof: types have different names"),
    ("random()", "random: its result is different"), ("rand()", "random: its result is different"), ("uuid()", "uuid: its result is different"), ("map_agg(1, 2)", "map_agg: maps work"),
    ("great_circle_distance(1, 2, 3, 4)", "great_circle_distance: this function is not known"), ("xxhash64(CAST('a' AS varbinary))", "xxhash64: this function is not known"),
    ("soundex('a')", "soundex: this function is not known"), ("codepoint('a')", "codepoint: this function is not known"), ("any_match(ARRAY[1], x -> x > 1)", "any_match: this function is not known"),
    ("zip(ARRAY[1], ARRAY[2])", "zip: this function is not known"), ("width_bucket(1, ARRAY[1])", "width_bucket: this function is not known"), ("bit_count(1, 64)", "bit_count: this function is not known"),
    ("histogram(1)", "histogram: this function is not known"), ("ARRAY[1, 2][9]", "an index outside an array"), ("CAST('abc' AS varchar(2))", "varchar(n) shortens"),
    ("max(1, 2)", "max: with a number"), ("max_by(1, 2, 3)", "max_by: with a number"),
    ("a FROM (VALUES 1) AS v(a) TABLESAMPLE BERNOULLI (10)", "a sample is different"),
    # by their types
    (f"{D1} - date '2026-01-30'", "the difference of two days"), (f"{T1} - {T1}", "the difference of two days"),
    (f"{D1} + INTERVAL '7' HOUR", "Athena cannot add hours"), (f"date_add('hour', 1, {D1})", "Athena cannot add hours"),
    ("1.0 / 3", "a division of decimals"), ("CAST(1 AS decimal(18, 6)) / 3", "a division of decimals"), ("1 / 2.5", "a division of decimals"),
    ("avg(x) FROM (VALUES 1.5, 2.25) AS v(x)", "the mean of decimals"), ("round(1.25, 1)", "the rounding of decimals"),
    ("CAST(1e0 AS varchar)", "a double cast to text"), (f"CAST({T1} AS varchar)", "a timestamp cast to text"), ("'a' || 1", "Athena concatenates only text"),
    ("concat('a', 1)", "Athena concatenates only text"), (f"{T1} AT TIME ZONE 'Asia/Ho_Chi_Minh'", "only Athena keeps the time zone"),
    (f"hour({T1} AT TIME ZONE 'Asia/Ho_Chi_Minh')", "only Athena keeps the time zone"), (f"with_timezone({T1}, 'UTC')", "only Athena keeps the time zone"),
    ("to_iso8601(current_timestamp)", "to_iso8601: only Athena writes the time zone"), ("1e0 IN (nan(), 1e0)", "IN compares doubles"),
    ("b FROM (VALUES 1) AS v(a)", "column 'b' is in none of the tables"), ("v.b FROM (VALUES 1) AS v(a)", "column 'b' is in none of the tables"),
    ("a AS b, b + 1 AS c FROM (VALUES 1) AS v(a)", "column 'b' is in none of the tables"), ("a FROM (VALUES 1) AS v(a), (VALUES 1) AS w(a)", "column 'a' is in none of the tables"),
    ("a AS z FROM (VALUES 1) AS v(a) WHERE z = 1", "column 'z' is in none of the tables"),
]

__all__ = ["CASES", "FAIL", "NAN", "REFUSED", "Decimal"]
