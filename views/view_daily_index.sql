-- Of each location and local day: the daily statistics of every pollutant, and the index of each by each scheme
-- that has a table for it. A statistic that no table is for, or that is outside of it, has a row with no scheme.
-- Every step reads the one before it once and keeps the era, so that a question about recent days opens no older file.
WITH hours AS (
    SELECT
        h.era, h.location_id, h.sensor_id, h.parameter, h.unit, h.period_from, h.local_from,
        -- Converted before it is truncated: the US index counts gases in ppm or ppb, VN_AQI in µg/m³.
        h.value_valid * c.us_times / c.us_per AS us,
        h.value_valid * c.ugm3_times / c.ugm3_per AS ugm3
    FROM view_hour_flags AS h
    JOIN unit_conversions AS c ON c.pollutant = h.parameter AND c.unit = h.unit
    WHERE h.value_valid IS NOT NULL AND h.local_from IS NOT NULL
),
ends AS ( -- eight hours, by the start of the last of them, which may be a gap; for particles the hour alone
    SELECT
        h.era, h.location_id, h.sensor_id, h.parameter, h.unit,
        max(date_add('hour', t.later, h.local_from)) AS local_from,
        sum(CASE WHEN t.later = 0 THEN h.us END) AS us, -- of one row
        sum(CASE WHEN t.later = 0 THEN h.ugm3 END) AS ugm3,
        CASE WHEN count(*) >= 6 THEN avg(h.us) END AS us_8h,
        CASE WHEN count(*) >= 6 THEN avg(h.ugm3) END AS ugm3_8h
    FROM hours AS h
    CROSS JOIN (VALUES 0, 1, 2, 3, 4, 5, 6, 7) AS t (later)
    WHERE t.later = 0 OR h.parameter IN ('o3', 'co')
    GROUP BY h.era, h.location_id, h.sensor_id, h.parameter, h.unit, date_add('hour', t.later, h.period_from)
),
placed AS ( -- on the day they end in; eight hours of ozone also, from 07:00 on, on the day they begin in
    SELECT
        e.era, e.location_id, e.sensor_id, e.parameter, e.unit, t.by_start,
        CAST(date_add('hour', -7 * t.by_start, e.local_from) AS date) AS local_day,
        e.us, e.ugm3, e.us_8h, e.ugm3_8h
    FROM ends AS e
    CROSS JOIN (VALUES 0, 1) AS t (by_start)
    WHERE t.by_start = 0 OR (e.parameter = 'o3' AND hour(date_add('hour', -7, e.local_from)) >= 7)
),
days AS ( -- of each sensor and unit
    SELECT
        era, location_id, parameter, local_day, sensor_id, unit,
        sum(CASE WHEN by_start = 0 AND us IS NOT NULL THEN 1 ELSE 0 END) AS hours,
        avg(CASE WHEN by_start = 0 THEN us END) AS us_mean,
        avg(CASE WHEN by_start = 0 THEN ugm3 END) AS ugm3_mean,
        max(CASE WHEN by_start = 0 THEN us END) AS us_1h,
        max(CASE WHEN by_start = 0 THEN ugm3 END) AS ugm3_1h,
        max(CASE WHEN by_start = 0 THEN us_8h END) AS us_by_end,
        max(CASE WHEN by_start = 0 THEN ugm3_8h END) AS ugm3_by_end,
        max(CASE WHEN by_start = 1 THEN us_8h END) AS us_by_start,
        max(CASE WHEN by_start = 1 THEN ugm3_8h END) AS ugm3_by_start,
        sum(CASE WHEN by_start = 1 AND us_8h IS NOT NULL THEN 1 ELSE 0 END) AS windows
    FROM placed
    GROUP BY era, location_id, parameter, local_day, sensor_id, unit
),
ranked AS ( -- one sensor speaks for a day: the one with most hours; sensors and units are never mixed in a mean
    SELECT
        era, location_id, parameter, local_day, hours, windows, us_mean, ugm3_mean, us_1h, ugm3_1h,
        us_by_end, ugm3_by_end, us_by_start, ugm3_by_start,
        row_number() OVER (PARTITION BY era, location_id, parameter, local_day ORDER BY hours DESC, sensor_id, unit) AS place
    FROM days
    WHERE hours > 0
),
statistics AS (
    SELECT
        r.era, r.location_id, r.local_day, r.parameter, s.statistic, CAST(r.hours AS bigint) AS hours,
        CASE s.statistic
            WHEN 'mean_24h' THEN r.us_mean WHEN 'max_1h' THEN r.us_1h
            WHEN 'max_8h_by_end' THEN r.us_by_end ELSE r.us_by_start
        END AS us,
        CASE s.statistic
            WHEN 'mean_24h' THEN r.ugm3_mean WHEN 'max_1h' THEN r.ugm3_1h
            WHEN 'max_8h_by_end' THEN r.ugm3_by_end ELSE r.ugm3_by_start
        END AS ugm3,
        CASE WHEN s.statistic = 'max_8h_by_start' THEN r.windows >= 13 ELSE r.hours >= 18 END AS is_complete
    FROM ranked AS r
    CROSS JOIN (VALUES 'mean_24h', 'max_1h', 'max_8h_by_end', 'max_8h_by_start') AS s (statistic)
    WHERE r.place = 1
),
exact AS (
    SELECT
        era, location_id, local_day, parameter, statistic, hours, is_complete,
        -- Six decimals: the last bits of a mean depend on the order in which an engine adds.
        CAST(CAST(ugm3 AS decimal(18, 6)) AS double) AS ugm3,
        CAST(CASE WHEN us < 0 THEN 0 ELSE us END AS decimal(18, 6)) AS in_us_unit,
        CAST(CASE WHEN ugm3 < 0 THEN 0 ELSE ugm3 END AS decimal(18, 6)) AS in_ugm3
    FROM statistics
),
lines AS ( -- the line of the table that the truncated concentration lies on, in whole numbers
    SELECT
        e.era, e.location_id, e.local_day, e.parameter, e.statistic, e.hours, e.is_complete, e.ugm3,
        b.scheme, b.metric, b.unit, b.c_lo, b.c_hi, b.aqi_lo, b.aqi_hi,
        CASE WHEN b.unit = 'µg/m³' THEN e.in_ugm3 ELSE e.in_us_unit END AS concentration,
        CAST(floor(CASE WHEN b.unit = 'µg/m³' THEN e.in_ugm3 ELSE e.in_us_unit END * b.scale) AS bigint) AS c
    FROM exact AS e
    LEFT JOIN aqi_breakpoints AS b
        ON b.pollutant = e.parameter AND b.daily = e.statistic AND e.is_complete
        AND CASE WHEN b.unit = 'µg/m³' THEN e.in_ugm3 ELSE e.in_us_unit END * b.scale >= b.c_lo
        AND CASE WHEN b.unit = 'µg/m³' THEN e.in_ugm3 ELSE e.in_us_unit END * b.scale < b.c_next
)
SELECT
    l.era, l.location_id, l.local_day, l.parameter AS pollutant, l.statistic, l.hours, l.is_complete, l.ugm3,
    l.scheme, l.metric, CAST(l.concentration AS double) AS concentration, l.unit,
    -- Half up, exactly: floor((2 * rise * run + width) / (2 * width)).
    l.aqi_lo + CAST(floor(CAST(2 * (l.aqi_hi - l.aqi_lo) * (l.c - l.c_lo) + (l.c_hi - l.c_lo) AS double)
        / (2 * (l.c_hi - l.c_lo))) AS bigint) AS aqi
FROM lines AS l
