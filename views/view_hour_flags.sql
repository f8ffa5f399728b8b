-- Every hour with its quality flag (QARTOD: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing).
-- Neighbouring hours are compared, so history is cut into three eras that overlap by some days, each complete
-- in itself: a question about recent days reads only their files. 1 is recent, 2 the year, 3 the history before:
-- numbers, since they are sorted by. 'own' rows are each hour once.
WITH eras AS (
    SELECT
        CAST(1 AS bigint) AS era, h.day_key >= CAST(CAST(date_add('day', -32, current_date) AS date) AS varchar) AS own,
        h.location_id, h.sensor_id, h.parameter, h.unit, h.shown, h.value,
        h.period_from, h.period_to, h.local_from, h.day_key
    FROM view_hours AS h
    WHERE h.day_key >= CAST(CAST(date_add('day', -34, current_date) AS date) AS varchar)
    UNION ALL
    SELECT
        CAST(2 AS bigint) AS era,
        h.day_key >= CAST(CAST(date_add('day', -400, current_date) AS date) AS varchar)
            AND h.day_key < CAST(CAST(date_add('day', -32, current_date) AS date) AS varchar) AS own,
        h.location_id, h.sensor_id, h.parameter, h.unit, h.shown, h.value,
        h.period_from, h.period_to, h.local_from, h.day_key
    FROM view_hours AS h
    WHERE h.day_key >= CAST(CAST(date_add('day', -403, current_date) AS date) AS varchar)
        AND h.day_key < CAST(CAST(date_add('day', -29, current_date) AS date) AS varchar)
    UNION ALL
    SELECT
        CAST(3 AS bigint) AS era, h.day_key < CAST(CAST(date_add('day', -400, current_date) AS date) AS varchar) AS own,
        h.location_id, h.sensor_id, h.parameter, h.unit, h.shown, h.value,
        h.period_from, h.period_to, h.local_from, h.day_key
    FROM view_hours AS h
    WHERE h.day_key < CAST(CAST(date_add('day', -397, current_date) AS date) AS varchar)
),
named AS (
    SELECT DISTINCT parameter FROM qc_ranges
),
version AS (
    SELECT max(qc_version) AS qc_version FROM qc_ranges
),
alone AS ( -- what an hour says by itself
    SELECT
        e.era, e.own, e.location_id, e.sensor_id, e.parameter, e.unit, e.value,
        e.period_from, e.period_to, e.local_from, e.day_key,
        q.suspect_below, q.suspect_above, q.spike, v.qc_version,
        CASE
            -- NaN is neither above nor below: Trino and DuckDB disagree on NaN = NaN, not on this.
            WHEN e.value IS NULL OR NOT (e.value >= -1e300 AND e.value <= 1e300) THEN 'missing'
            WHEN n.parameter IS NULL THEN 'no rule'
            WHEN q.parameter IS NULL THEN 'unit'
            WHEN s.value IS NOT NULL OR t.value IS NOT NULL THEN 'sentinel'
            WHEN e.period_to > CAST(now() AS timestamp) THEN 'future'
            WHEN minute(e.period_from) <> 0 OR date_diff('second', e.period_from, e.period_to) <> 3600 THEN 'not an hour'
            WHEN e.value < q.fail_below OR e.value > q.fail_above THEN 'gross range'
        END AS wrong
    FROM eras AS e
    CROSS JOIN version AS v
    LEFT JOIN named AS n ON n.parameter = e.parameter
    LEFT JOIN qc_ranges AS q ON q.parameter = e.parameter AND q.unit = e.unit
    -- The mean of a broken hour may miss the sentinel by a rounding, and the shown value meet it.
    LEFT JOIN qc_sentinels AS s ON s.parameter = e.parameter AND s.value = e.value
    LEFT JOIN qc_sentinels AS t ON t.parameter = e.parameter AND t.value = e.shown
),
sound AS (
    SELECT
        a.era, a.own, a.location_id, a.sensor_id, a.parameter, a.unit, a.value,
        a.period_from, a.period_to, a.local_from, a.day_key,
        a.suspect_below, a.suspect_above, a.spike, a.qc_version, a.wrong,
        CASE WHEN a.wrong IS NULL THEN a.value END AS sound, -- a broken hour is no neighbour
        -- In whole millionths: a line is flat to six decimals, and whole numbers are compared faster.
        CASE WHEN a.wrong IS NULL THEN CAST(round(a.value * 1e6) AS bigint) ELSE CAST(-1000000000000000 AS bigint) END AS level,
        a.sensor_id * 8 + CASE a.unit WHEN 'µg/m³' THEN 0 WHEN 'ppm' THEN 1 WHEN 'ppb' THEN 2 ELSE 3 END AS series
    FROM alone AS a
),
beside AS (
    SELECT
        s.era, s.own, s.location_id, s.sensor_id, s.parameter, s.unit, s.value,
        s.period_from, s.period_to, s.local_from, s.day_key,
        s.suspect_below, s.suspect_above, s.spike, s.qc_version, s.wrong, s.sound,
        lag(s.sound) OVER (PARTITION BY s.era, s.series ORDER BY s.period_from) AS before,
        lag(s.period_from) OVER (PARTITION BY s.era, s.series ORDER BY s.period_from) AS before_from,
        lead(s.sound) OVER (PARTITION BY s.era, s.series ORDER BY s.period_from) AS after,
        lead(s.period_from) OVER (PARTITION BY s.era, s.series ORDER BY s.period_from) AS after_from,
        lag(s.period_from, 5) OVER (PARTITION BY s.era, s.series ORDER BY s.period_from) AS sixth_from,
        min(s.level) OVER (PARTITION BY s.era, s.series ORDER BY s.period_from
            ROWS BETWEEN 5 PRECEDING AND CURRENT ROW) AS least_of_6,
        max(s.level) OVER (PARTITION BY s.era, s.series ORDER BY s.period_from
            ROWS BETWEEN 5 PRECEDING AND CURRENT ROW) AS most_of_6,
        lag(s.period_from, 23) OVER (PARTITION BY s.era, s.series ORDER BY s.period_from) AS last_from,
        min(s.level) OVER (PARTITION BY s.era, s.series ORDER BY s.period_from
            ROWS BETWEEN 23 PRECEDING AND CURRENT ROW) AS least_of_24,
        max(s.level) OVER (PARTITION BY s.era, s.series ORDER BY s.period_from
            ROWS BETWEEN 23 PRECEDING AND CURRENT ROW) AS most_of_24
    FROM sound AS s
),
judged AS (
    SELECT
        b.era, b.own, b.location_id, b.sensor_id, b.parameter, b.unit, b.value,
        b.period_from, b.period_to, b.local_from, b.day_key, b.qc_version,
        CASE
            WHEN b.wrong IS NOT NULL THEN b.wrong
            WHEN b.least_of_24 = b.most_of_24 AND date_add('hour', -23, b.period_from) = b.last_from
                THEN 'flat line of 24 hours'
            WHEN b.value < b.suspect_below THEN 'small negative'
            WHEN b.value > b.suspect_above THEN 'high'
            WHEN b.least_of_6 = b.most_of_6 AND date_add('hour', -5, b.period_from) = b.sixth_from THEN 'flat line'
            WHEN date_add('hour', -1, b.period_from) = b.before_from AND date_add('hour', 1, b.period_from) = b.after_from
                AND (
                    (b.sound - b.before > b.spike AND b.sound - b.after > b.spike)
                    OR (b.before - b.sound > b.spike AND b.after - b.sound > b.spike)
                ) THEN 'spike'
        END AS reason
    FROM beside AS b
),
flagged AS (
    SELECT
        j.era, j.own, j.location_id, j.sensor_id, j.parameter, j.unit, j.value,
        j.period_from, j.period_to, j.local_from, j.day_key, j.qc_version, j.reason,
        CASE
            WHEN j.reason IS NULL THEN CAST(1 AS bigint)
            WHEN j.reason = 'missing' THEN CAST(9 AS bigint)
            WHEN j.reason = 'no rule' THEN CAST(2 AS bigint)
            WHEN j.reason IN ('small negative', 'high', 'flat line', 'spike') THEN CAST(3 AS bigint)
            ELSE CAST(4 AS bigint)
        END AS qc_flag
    FROM judged AS j
)
SELECT
    f.era, f.own, f.location_id, f.sensor_id, f.parameter, f.unit, f.value,
    CASE WHEN f.qc_flag IN (1, 3) THEN f.value END AS value_valid,
    f.qc_flag, f.reason AS qc_reason, f.qc_version,
    f.period_from, f.period_to, f.local_from, CAST(f.local_from AS date) AS local_day, f.day_key
FROM flagged AS f
