-- One row per location: its newest valid hour of PM2.5, as AQI if that hour is current, else the reason.
WITH recent AS (
    SELECT
        location_id, value, unit, period_to,
        row_number() OVER (PARTITION BY location_id ORDER BY period_to DESC, sensor_id) AS newest_first
    FROM view_valid_hours
    WHERE parameter = 'pm25'
        -- Bounds the files that are read; a station silent for longer has no latest value.
        AND day_key >= CAST(CAST(date_add('day', -30, current_date) AS date) AS varchar)
        AND period_to <= CAST(now() AS timestamp) -- an hour that has not ended is not measured yet
),
aged AS (
    SELECT
        s.location_id, s.location, s.city, s.country, s.provider, s.latitude, s.longitude,
        r.period_to AS as_of, r.value, r.unit,
        date_diff('minute', r.period_to, CAST(now() AS timestamp)) AS age_minutes,
        -- Truncated to 0.1 in whole numbers: a float 9.099999 must not become 9.0.
        CAST(floor(CAST(r.value AS decimal(18, 6)) * 10) AS bigint) AS c
    FROM view_stations AS s
    LEFT JOIN recent AS r ON r.location_id = s.location_id AND r.newest_first = 1
),
judged AS (
    SELECT a.*, coalesce(a.age_minutes <= 180, false) AS is_current FROM aged AS a
)
SELECT
    j.location_id, j.location, j.city, j.country, j.provider, j.latitude, j.longitude,
    j.as_of, j.age_minutes, j.is_current,
    CASE WHEN j.is_current THEN 'pm25' END AS pollutant,
    j.value AS concentration, j.unit,
    -- Half up, exactly: floor((2 * rise * run + width) / (2 * width)).
    CASE WHEN j.is_current THEN
        b.aqi_lo + CAST(floor(CAST(2 * (b.aqi_hi - b.aqi_lo) * (j.c - b.c_lo) + (b.c_hi - b.c_lo) AS double)
            / (2 * (b.c_hi - b.c_lo))) AS bigint)
    END AS aqi,
    CASE WHEN j.is_current THEN b.category END AS category,
    CASE WHEN j.is_current THEN b.colour END AS colour,
    CASE
        WHEN j.as_of IS NULL THEN 'no valid PM2.5 in the last 30 days'
        WHEN NOT j.is_current THEN 'older than 3 hours'
    END AS reason
FROM judged AS j
LEFT JOIN aqi_breakpoints AS b
    ON b.scheme = 'us_epa_2024' AND b.metric = 'pm25_24h' AND j.c >= b.c_lo AND j.c < b.c_next
