-- One row per location: the air now, as US AQI and VN_AQI, or the reason why there is no number.
WITH ranked AS (
    SELECT
        location_id, as_of, scheme, pollutant, method, truncated, unit, hours, aqi,
        row_number() OVER (
            PARTITION BY location_id, scheme
            ORDER BY aqi DESC, CASE pollutant
                WHEN 'pm25' THEN 1 WHEN 'pm10' THEN 2 WHEN 'o3' THEN 3 WHEN 'no2' THEN 4 WHEN 'so2' THEN 5 ELSE 6
            END, method
        ) AS place,
        -- VN_AQI is not told without PM10 or PM2.5.
        max(CASE WHEN pollutant IN ('pm25', 'pm10') THEN 1 ELSE 0 END) OVER (PARTITION BY location_id, scheme) AS particles
    FROM view_latest_index
),
located AS ( -- one pass: Athena computes a step again for each reader
    SELECT
        location_id, max(as_of) AS as_of,
        max(CASE WHEN scheme = 'vn_aqi_1459' THEN 1 ELSE 0 END) = 1 AS has_vn,
        max(CASE WHEN scheme = 'us_epa_2024' AND place = 1 THEN aqi END) AS us_aqi,
        max(CASE WHEN scheme = 'us_epa_2024' AND place = 1 THEN pollutant END) AS us_pollutant,
        max(CASE WHEN scheme = 'us_epa_2024' AND place = 1 THEN truncated END) AS us_truncated,
        max(CASE WHEN scheme = 'us_epa_2024' AND place = 1 THEN unit END) AS us_unit,
        max(CASE WHEN scheme = 'us_epa_2024' AND place = 1 THEN method END) AS us_method,
        max(CASE WHEN scheme = 'us_epa_2024' AND place = 1 THEN hours END) AS us_hours,
        max(CASE WHEN scheme = 'vn_aqi_1459' AND place = 1 AND particles = 1 THEN aqi END) AS vn_aqi,
        max(CASE WHEN scheme = 'vn_aqi_1459' AND place = 1 AND particles = 1 THEN pollutant END) AS vn_pollutant,
        max(CASE WHEN scheme = 'vn_aqi_1459' AND place = 1 AND particles = 1 THEN truncated END) AS vn_truncated,
        max(CASE WHEN scheme = 'vn_aqi_1459' AND place = 1 AND particles = 1 THEN unit END) AS vn_unit,
        max(CASE WHEN scheme = 'vn_aqi_1459' AND place = 1 AND particles = 1 THEN method END) AS vn_method,
        max(CASE WHEN scheme = 'vn_aqi_1459' AND place = 1 AND particles = 1 THEN hours END) AS vn_hours
    FROM ranked
    GROUP BY location_id
),
version AS (
    SELECT max(qc_version) AS qc_version FROM qc_ranges
),
aged AS (
    SELECT
        s.location_id, s.location, s.city, s.country, s.provider, s.license, s.latitude, s.longitude, s.lat_lon,
        s.timezone, s.is_monitor, n.as_of, n.has_vn, v.qc_version,
        n.us_aqi, n.us_pollutant, n.us_truncated, n.us_unit, n.us_method, n.us_hours,
        n.vn_aqi, n.vn_pollutant, n.vn_truncated, n.vn_unit, n.vn_method, n.vn_hours,
        date_diff('minute', n.as_of, CAST(now() AS timestamp)) AS age_minutes
    FROM view_stations AS s
    CROSS JOIN version AS v
    LEFT JOIN located AS n ON n.location_id = s.location_id
),
judged AS (
    SELECT
        a.*,
        coalesce(a.age_minutes <= 180, false) AS is_current,
        CASE
            WHEN a.as_of IS NULL THEN 'no valid hour in the last 30 days'
            WHEN a.age_minutes > 180 THEN 'older than 3 hours'
        END AS stale
    FROM aged AS a
),
present AS ( -- no number that is not of now
    SELECT
        j.*,
        CASE WHEN j.is_current THEN j.us_aqi END AS us,
        CASE WHEN j.is_current THEN j.vn_aqi END AS vn
    FROM judged AS j
)
SELECT
    j.location_id, j.location, j.city, j.country, j.provider, j.license, j.latitude, j.longitude, j.lat_lon,
    j.timezone, j.is_monitor, j.as_of, j.age_minutes, j.is_current,
    j.us AS us_aqi, u.name_en AS us_category, u.colour AS us_colour,
    CASE WHEN j.us IS NOT NULL THEN j.us_pollutant END AS us_pollutant,
    CASE WHEN j.us IS NOT NULL THEN j.us_truncated END AS us_concentration,
    CASE WHEN j.us IS NOT NULL THEN j.us_unit END AS us_unit,
    CASE WHEN j.us IS NOT NULL THEN j.us_method END AS us_method,
    CASE WHEN j.us IS NOT NULL THEN j.us_hours END AS us_hours_used,
    CASE
        WHEN j.stale IS NOT NULL THEN j.stale
        WHEN j.us IS NULL THEN 'too few valid hours'
    END AS us_reason,
    j.vn AS vn_aqi, v.name_vi AS vn_category, v.colour AS vn_colour,
    CASE WHEN j.vn IS NOT NULL THEN j.vn_pollutant END AS vn_pollutant,
    CASE WHEN j.vn IS NOT NULL THEN j.vn_truncated END AS vn_concentration,
    CASE WHEN j.vn IS NOT NULL THEN j.vn_unit END AS vn_unit,
    CASE WHEN j.vn IS NOT NULL THEN j.vn_method END AS vn_method,
    CASE WHEN j.vn IS NOT NULL THEN j.vn_hours END AS vn_hours_used,
    CASE
        WHEN j.stale IS NOT NULL THEN j.stale
        WHEN j.vn IS NULL AND j.has_vn THEN 'VN_AQI needs PM2.5 or PM10'
        WHEN j.vn IS NULL THEN 'too few valid hours'
    END AS vn_reason,
    j.qc_version
FROM present AS j
LEFT JOIN aqi_categories AS u
    ON u.scheme = 'us_epa_2024' AND j.us >= u.aqi_lo AND j.us <= coalesce(u.aqi_hi, j.us)
LEFT JOIN aqi_categories AS v
    ON v.scheme = 'vn_aqi_1459' AND j.vn >= v.aqi_lo AND j.vn <= coalesce(v.aqi_hi, j.vn)
