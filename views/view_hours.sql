-- One row per sensor and hour, whatever it says: the API's, and where the API was not asked the mean of the
-- archive's rows. Nothing is judged here, but for rows of the archive before they are averaged: one sentinel
-- among them would move the hour to a value that looks measured.
WITH archived AS (
    SELECT
        a.location_id, a.sensor_id, a.parameter, replace(a.unit, 'μ', 'µ') AS unit, a.value,
        CASE
            WHEN s.value IS NULL AND a.value >= coalesce(q.fail_below, -1e9) AND a.value <= coalesce(q.fail_above, 1e9)
                THEN a.value
        END AS kept,
        date_trunc('hour', date_add('second', -1, a.period_to)) AS period_from,
        date_diff(
            'minute', a.period_to, TRY_CAST(replace(substr(a.period_to_local, 1, 19), 'T', ' ') AS timestamp)
        ) AS minutes_ahead, -- of UTC: the station's offset
        a.year || '-' || a.month || '-' || a.day AS day_key
    FROM archive_measurements AS a
    LEFT JOIN qc_ranges AS q ON q.parameter = a.parameter AND q.unit = replace(a.unit, 'μ', 'µ')
    LEFT JOIN qc_sentinels AS s ON s.parameter = a.parameter AND s.value = a.value
    LEFT JOIN (
        SELECT sensor_id, period_from, year || '-' || month || '-' || day AS day_key
        FROM measurements
    ) AS m
        ON m.day_key = a.year || '-' || a.month || '-' || a.day AND m.sensor_id = a.sensor_id
        AND m.period_from = date_trunc('hour', date_add('second', -1, a.period_to))
    WHERE m.sensor_id IS NULL -- not where the API says that the hour has no value
),
hourly AS (
    SELECT
        location_id, sensor_id, parameter, unit, day_key, period_from,
        date_add('minute', max(minutes_ahead), period_from) AS local_from,
        coalesce(avg(kept), max(value)) AS value -- with no measurement in it, the hour shows what is wrong
    FROM archived
    GROUP BY location_id, sensor_id, parameter, unit, day_key, period_from
)
SELECT
    location_id, sensor_id, parameter,
    replace(unit, 'μ', 'µ') AS unit, -- a Greek mu (U+03BC) is the same unit as the micro sign (U+00B5)
    value AS shown,
    CASE WHEN value IS NOT NULL THEN coalesce(average, value) END AS value,
    period_from, period_to,
    -- The stamp carries the station's own offset, so its first nineteen characters are the local time.
    -- Reading them costs a sixth of a whole answer, so it is left to stations outside of Vietnam.
    CASE
        WHEN substr(period_from_local, 20) = '+07:00' THEN date_add('hour', 7, period_from)
        ELSE TRY_CAST(replace(substr(period_from_local, 1, 19), 'T', ' ') AS timestamp)
    END AS local_from,
    year || '-' || month || '-' || day AS day_key
FROM measurements
UNION ALL
SELECT
    h.location_id, h.sensor_id, h.parameter, h.unit, h.value AS shown, h.value, h.period_from,
    date_add('hour', 1, h.period_from) AS period_to, h.local_from, h.day_key
FROM hourly AS h
