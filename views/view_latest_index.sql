-- Of each location's newest hours: what each pollutant measures now, and its index by each scheme. A statistic
-- of too few hours, or that no table is for, has a row with no scheme. Every step reads the one before it once:
-- Athena computes a step again for each reader, and refuses a query of more than 150 stages.
WITH hours AS (
    SELECT
        h.location_id, h.sensor_id, h.parameter, h.unit, h.period_from, h.period_to, h.value_valid,
        h.value_valid * c.us_times / c.us_per AS us,
        h.value_valid * c.ugm3_times / c.ugm3_per AS ugm3,
        -- Now is the newest hour of which the station says anything, even that it is broken.
        max(h.period_from) OVER (PARTITION BY h.location_id) AS now_from,
        max(CASE WHEN h.value_valid IS NOT NULL THEN h.period_to END) OVER (PARTITION BY h.location_id) AS as_of
    FROM view_hour_flags AS h
    JOIN unit_conversions AS c ON c.pollutant = h.parameter AND c.unit = h.unit
    WHERE h.era = 1 AND h.period_to <= CAST(now() AS timestamp)
),
aged AS (
    SELECT h.*, date_diff('hour', h.period_from, h.now_from) AS k -- 0: the current hour
    FROM hours AS h
    WHERE h.value_valid IS NOT NULL
),
sensors AS (
    SELECT
        a.*,
        min(a.k) OVER (PARTITION BY a.location_id, a.parameter, a.sensor_id, a.unit) AS youngest,
        sum(CASE WHEN a.k < 12 THEN 1 ELSE 0 END)
            OVER (PARTITION BY a.location_id, a.parameter, a.sensor_id, a.unit) AS within_12
    FROM aged AS a
),
ranked AS (
    SELECT
        s.*,
        -- One sensor speaks: of those with the newest hour the one with most hours.
        dense_rank() OVER (
            PARTITION BY s.location_id, s.parameter ORDER BY s.youngest, s.within_12 DESC, s.sensor_id, s.unit
        ) AS place
    FROM sensors AS s
),
newest AS ( -- its hours of a day; the newest valid hour of a location is kept without a number to count by
    SELECT
        r.location_id, r.parameter, r.us, r.ugm3, r.as_of,
        CASE WHEN r.ugm3 < 0 THEN 0 ELSE r.ugm3 END AS clipped,
        CASE WHEN r.place = 1 AND r.k < 24 THEN r.k END AS k
    FROM ranked AS r
    WHERE (r.place = 1 AND r.k < 24) OR r.period_to = r.as_of
),
bounded AS (
    SELECT
        n.*,
        min(CASE WHEN n.k < 12 THEN n.clipped END) OVER (PARTITION BY n.location_id, n.parameter) AS lowest,
        max(CASE WHEN n.k < 12 THEN n.clipped END) OVER (PARTITION BY n.location_id, n.parameter) AS highest
    FROM newest AS n
),
weighted AS (
    SELECT
        b.*,
        -- The more the air changes, the less the past counts, but never less than half of the hour after it.
        power(
            CASE WHEN b.lowest > 0.5e0 * b.highest THEN b.lowest / b.highest ELSE 0.5e0 END,
            CAST(b.k AS double)
        ) AS weight
    FROM bounded AS b
),
sums AS (
    SELECT
        location_id, parameter, max(as_of) AS as_of, min(k) AS youngest,
        sum(CASE WHEN k < 3 THEN 1 ELSE 0 END) AS hours_3,
        sum(CASE WHEN k < 8 THEN 1 ELSE 0 END) AS hours_8,
        sum(CASE WHEN k < 12 THEN 1 ELSE 0 END) AS hours_12,
        count(k) AS hours_24,
        sum(CASE WHEN k < 12 THEN clipped * weight END) / sum(CASE WHEN k < 12 THEN weight END) AS nowcast,
        max(CASE WHEN k = 0 THEN us END) AS us_1h, max(CASE WHEN k = 0 THEN ugm3 END) AS ugm3_1h,
        avg(CASE WHEN k < 8 THEN us END) AS us_8h, avg(CASE WHEN k < 8 THEN ugm3 END) AS ugm3_8h,
        avg(CASE WHEN k < 24 THEN us END) AS us_24h, avg(CASE WHEN k < 24 THEN ugm3 END) AS ugm3_24h,
        max_by(us, -k) AS us_newest, max_by(ugm3, -k) AS ugm3_newest
    FROM weighted
    GROUP BY location_id, parameter
),
statistics AS (
    SELECT
        s.location_id, s.as_of, s.parameter, t.statistic,
        -- EPA's least squares of ozone are no job for SQL: 'nowcast_surrogate' is its stand-in, 0.85 times the
        -- hour plus 4.5 ppb, of an hour that is at most two hours old.
        CASE t.statistic
            WHEN 'nowcast' THEN s.nowcast WHEN 'mean_1h' THEN s.us_1h WHEN 'mean_8h' THEN s.us_8h
            WHEN 'mean_24h' THEN s.us_24h ELSE 0.85e0 * s.us_newest + 0.0045e0
        END AS us,
        CASE t.statistic
            WHEN 'nowcast' THEN s.nowcast WHEN 'mean_1h' THEN s.ugm3_1h WHEN 'mean_8h' THEN s.ugm3_8h
            WHEN 'mean_24h' THEN s.ugm3_24h ELSE 0.85e0 * s.ugm3_newest + 4.5e0 * 48e0 / 24.45e0
        END AS ugm3,
        CASE t.statistic
            WHEN 'nowcast' THEN s.hours_12 WHEN 'mean_8h' THEN s.hours_8 WHEN 'mean_24h' THEN s.hours_24 ELSE 1
        END AS hours,
        CASE t.statistic
            WHEN 'nowcast' THEN s.parameter IN ('pm25', 'pm10') AND s.hours_3 >= 2
            WHEN 'mean_1h' THEN s.youngest = 0
            WHEN 'mean_8h' THEN s.hours_8 >= 6
            WHEN 'mean_24h' THEN s.hours_24 >= 18
            ELSE s.parameter = 'o3' AND s.youngest < 3
        END AS is_enough
    FROM sums AS s
    CROSS JOIN (VALUES 'nowcast', 'mean_1h', 'mean_8h', 'mean_24h', 'nowcast_surrogate') AS t (statistic)
),
exact AS (
    SELECT
        location_id, as_of, parameter, statistic, is_enough, CAST(hours AS bigint) AS hours,
        -- Six decimals: the last bits of a mean depend on the order in which an engine adds.
        CAST(CASE WHEN us < 0 THEN 0 ELSE us END AS decimal(18, 6)) AS in_us_unit,
        CAST(CASE WHEN ugm3 < 0 THEN 0 ELSE ugm3 END AS decimal(18, 6)) AS in_ugm3
    FROM statistics
),
lines AS ( -- the line of the table that the truncated concentration lies on, in whole numbers
    SELECT
        e.location_id, e.as_of, e.parameter, e.statistic, e.hours,
        b.scheme, b.metric, b.unit, b.scale, b.c_lo, b.c_hi, b.aqi_lo, b.aqi_hi,
        CASE WHEN b.unit = 'µg/m³' THEN e.in_ugm3 ELSE e.in_us_unit END AS concentration,
        CAST(floor(CASE WHEN b.unit = 'µg/m³' THEN e.in_ugm3 ELSE e.in_us_unit END * b.scale) AS bigint) AS c
    FROM exact AS e
    LEFT JOIN aqi_breakpoints AS b
        ON b.pollutant = e.parameter AND b.hourly = e.statistic AND e.is_enough
        AND CASE WHEN b.unit = 'µg/m³' THEN e.in_ugm3 ELSE e.in_us_unit END * b.scale >= b.c_lo
        AND CASE WHEN b.unit = 'µg/m³' THEN e.in_ugm3 ELSE e.in_us_unit END * b.scale < b.c_next
)
SELECT
    l.location_id, l.as_of, l.scheme, l.metric, l.parameter AS pollutant, l.statistic AS method,
    CAST(l.concentration AS double) AS concentration,
    CAST(l.c AS double) / l.scale AS truncated, l.unit, l.hours,
    -- Half up, exactly: floor((2 * rise * run + width) / (2 * width)).
    l.aqi_lo + CAST(floor(CAST(2 * (l.aqi_hi - l.aqi_lo) * (l.c - l.c_lo) + (l.c_hi - l.c_lo) AS double)
        / (2 * (l.c_hi - l.c_lo))) AS bigint) AS aqi
FROM lines AS l
