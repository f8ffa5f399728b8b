-- One row per location and local day. Hours are counted, not assumed: a gap lowers coverage.
WITH hourly AS (
    -- Two sensors of one kind at a station are one hour, not two.
    SELECT location_id, local_day, parameter, period_from, avg(value) AS value
    FROM view_valid_hours
    WHERE parameter IN ('pm25', 'pm10') AND local_day IS NOT NULL
    GROUP BY location_id, local_day, parameter, period_from
),
daily AS (
    SELECT
        location_id, local_day,
        -- Rounded: the last bits of a mean depend on the order in which an engine adds.
        round(avg(CASE WHEN parameter = 'pm25' THEN value END), 6) AS avg_pm25,
        round(avg(CASE WHEN parameter = 'pm10' THEN value END), 6) AS avg_pm10,
        count(CASE WHEN parameter = 'pm25' THEN 1 END) AS hours
    FROM hourly
    GROUP BY location_id, local_day
)
SELECT
    d.location_id, s.location, s.city, d.local_day, d.avg_pm25, d.avg_pm10, d.hours,
    CAST(d.hours AS double) / 24 AS coverage,
    CAST(d.hours AS double) / 24 < 0.5e0 AS is_incomplete,
    d.hours >= 18 AS valid_75
FROM daily AS d
JOIN view_stations AS s ON s.location_id = d.location_id
