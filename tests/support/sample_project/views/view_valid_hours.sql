-- A measurement is more than "not negative": sentinels, NaN and values no instrument gives are left out here,
-- and kept in the table. 985 is what the former US mission monitors send when they are broken.
WITH hours AS (
    SELECT
        location_id, sensor_id, parameter, period_from, period_to, period_from_local,
        replace(unit, 'μ', 'µ') AS unit, -- a Greek mu is the same unit as the micro sign
        year || '-' || month || '-' || day AS day_key,
        value AS shown,
        coalesce(average, value) AS value
    FROM measurements
    WHERE value IS NOT NULL
)
SELECT
    h.location_id, h.sensor_id, h.parameter, h.unit, h.value, h.period_from, h.period_to,
    -- The stamp carries the station's own offset, so its first ten characters are the local date.
    TRY_CAST(substr(h.period_from_local, 1, 10) AS date) AS local_day,
    h.day_key
FROM hours AS h
JOIN qc_ranges AS q ON q.parameter = h.parameter AND q.unit = h.unit
WHERE h.value >= q.lower
    AND h.value <= q.upper
    -- The mean of a broken hour may miss the sentinel by a rounding, and the shown value meet it.
    AND NOT h.value IN (985e0, 999e0, 9999e0, 99999e0)
    AND NOT h.shown IN (985e0, 999e0, 9999e0, 99999e0)
