-- A measurement is more than "not negative": sentinels, NaN and values no instrument gives are left out here,
-- and kept in the table. 985 is what the former US mission monitors send when they are broken.
-- One row per sensor and hour: the API's, and where the API was not asked the mean of the archive's rows.
WITH archived AS (
    SELECT
        a.location_id, a.sensor_id, a.parameter, r.unit, a.value, a.period_to,
        date_trunc('hour', date_add('second', -1, period_to)) AS period_from,
        date_diff(
            'minute', period_to, TRY_CAST(replace(substr(period_to_local, 1, 19), 'T', ' ') AS timestamp)
        ) AS minutes_ahead, -- of UTC: the station's offset
        year || '-' || month || '-' || day AS day_key
    FROM archive_measurements AS a
    -- Before they are averaged: one sentinel would move the hour to a value that looks measured.
    JOIN qc_ranges AS r ON r.parameter = a.parameter AND r.unit = replace(a.unit, 'μ', 'µ')
    WHERE a.value >= r.lower
        AND a.value <= r.upper
        AND NOT a.value IN (985e0, 999e0, 9999e0, 99999e0)
),
hourly AS (
    SELECT
        location_id, sensor_id, parameter, unit, day_key, period_from,
        CAST(date_add('minute', max(minutes_ahead), period_from) AS date) AS local_day,
        avg(value) AS value
    FROM archived
    GROUP BY location_id, sensor_id, parameter, unit, day_key, period_from
),
hours AS (
    SELECT
        location_id, sensor_id, parameter, period_from, period_to,
        -- The stamp carries the station's own offset, so its first ten characters are the local date.
        TRY_CAST(substr(period_from_local, 1, 10) AS date) AS local_day,
        unit,
        year || '-' || month || '-' || day AS day_key,
        value AS shown,
        coalesce(average, value) AS value
    FROM measurements
    WHERE value IS NOT NULL
    UNION ALL
    SELECT
        h.location_id, h.sensor_id, h.parameter, h.period_from,
        date_add('hour', 1, h.period_from) AS period_to,
        h.local_day, h.unit, h.day_key, h.value AS shown, h.value
    FROM hourly AS h
    LEFT JOIN measurements AS m ON m.sensor_id = h.sensor_id AND m.period_from = h.period_from
    WHERE m.sensor_id IS NULL -- not where the API says that the hour has no value
),
named AS (
    SELECT
        location_id, sensor_id, parameter, period_from, period_to, local_day, day_key, shown, value,
        replace(unit, 'μ', 'µ') AS unit -- a Greek mu is the same unit as the micro sign
    FROM hours
)
SELECT
    h.location_id, h.sensor_id, h.parameter, h.unit, h.value, h.period_from, h.period_to, h.local_day, h.day_key
FROM named AS h
JOIN qc_ranges AS q ON q.parameter = h.parameter AND q.unit = h.unit
WHERE h.value >= q.lower
    AND h.value <= q.upper
    -- The mean of a broken hour may miss the sentinel by a rounding, and the shown value meet it.
    AND NOT h.value IN (985e0, 999e0, 9999e0, 99999e0)
    AND NOT h.shown IN (985e0, 999e0, 9999e0, 99999e0)
