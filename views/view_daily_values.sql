-- One row per location and local day in each era: means, coverage, the index of each scheme and who gave it.
WITH exceedances AS (
    SELECT
        d.era, d.location_id, d.local_day, d.pollutant, d.statistic, d.hours, d.is_complete, d.ugm3, d.scheme, d.aqi,
        -- Of pollutants with the same index the first of these is named.
        CASE d.pollutant
            WHEN 'pm25' THEN 6 WHEN 'pm10' THEN 5 WHEN 'o3' THEN 4 WHEN 'no2' THEN 3 WHEN 'so2' THEN 2 ELSE 1
        END AS precedence,
        CASE WHEN d.statistic = 'mean_24h' AND d.is_complete THEN d.ugm3 > w.value END AS above_who,
        CASE WHEN d.statistic = 'mean_24h' AND d.is_complete THEN d.ugm3 > q.value END AS above_qcvn
    FROM view_daily_index AS d
    LEFT JOIN limits AS w
        ON w.standard = 'who_aqg_2021' AND w.level = 'aqg' AND w.averaging = '24h' AND w.pollutant = d.pollutant
    LEFT JOIN limits AS q
        ON q.standard = 'qcvn_05_2023' AND q.averaging = '24h' AND q.pollutant = d.pollutant
        AND d.local_day >= coalesce(q.valid_from, DATE '0001-01-01')
        AND d.local_day <= coalesce(q.valid_to, DATE '9999-12-31')
),
daily AS (
    SELECT
        era, location_id, local_day,
        max(CASE WHEN statistic = 'mean_24h' AND pollutant = 'pm25' THEN ugm3 END) AS avg_pm25,
        max(CASE WHEN statistic = 'mean_24h' AND pollutant = 'pm10' THEN ugm3 END) AS avg_pm10,
        max(CASE WHEN statistic = 'mean_24h' AND pollutant = 'o3' THEN ugm3 END) AS avg_o3,
        max(CASE WHEN statistic = 'mean_24h' AND pollutant = 'no2' THEN ugm3 END) AS avg_no2,
        max(CASE WHEN statistic = 'mean_24h' AND pollutant = 'so2' THEN ugm3 END) AS avg_so2,
        max(CASE WHEN statistic = 'mean_24h' AND pollutant = 'co' THEN ugm3 END) AS avg_co,
        coalesce(max(CASE WHEN pollutant = 'pm25' THEN hours END), 0) AS hours,
        max(CASE WHEN scheme = 'us_epa_2024' THEN aqi END) AS us_aqi,
        max_by(pollutant, CASE WHEN scheme = 'us_epa_2024' THEN aqi * 10 + precedence END) AS us_pollutant,
        max(CASE WHEN scheme = 'vn_aqi_1459' THEN aqi END) AS vn_aqi,
        max_by(pollutant, CASE WHEN scheme = 'vn_aqi_1459' THEN aqi * 10 + precedence END) AS vn_pollutant,
        -- VN_AQI is not told without PM10 or PM2.5.
        max(CASE WHEN scheme = 'vn_aqi_1459' AND pollutant IN ('pm25', 'pm10') THEN 1 ELSE 0 END) = 1 AS has_particles,
        -- Gases alone would call a day clean whose PM2.5 is known for too few hours.
        max(CASE WHEN statistic = 'mean_24h' AND pollutant = 'pm25' AND NOT is_complete THEN 1 ELSE 0 END) = 1 AS pm25_short,
        max(CASE WHEN above_who THEN 1 WHEN NOT above_who THEN 0 END) = 1 AS exceeds_who,
        max(CASE WHEN above_qcvn THEN 1 WHEN NOT above_qcvn THEN 0 END) = 1 AS exceeds_qcvn
    FROM exceedances
    GROUP BY era, location_id, local_day
)
SELECT
    d.era, d.location_id, d.local_day, d.avg_pm25, d.avg_pm10, d.avg_o3, d.avg_no2, d.avg_so2, d.avg_co, d.hours,
    CASE WHEN NOT d.pm25_short THEN d.us_aqi END AS us_aqi,
    CASE WHEN NOT d.pm25_short THEN u.name_en END AS us_category,
    CASE WHEN NOT d.pm25_short THEN u.colour END AS us_colour,
    CASE WHEN NOT d.pm25_short THEN d.us_pollutant END AS us_pollutant,
    CASE WHEN d.has_particles THEN d.vn_aqi END AS vn_aqi,
    CASE WHEN d.has_particles THEN v.name_vi END AS vn_category,
    CASE WHEN d.has_particles THEN v.colour END AS vn_colour,
    CASE WHEN d.has_particles THEN d.vn_pollutant END AS vn_pollutant,
    d.exceeds_who, d.exceeds_qcvn
FROM daily AS d
LEFT JOIN aqi_categories AS u
    ON u.scheme = 'us_epa_2024' AND d.us_aqi >= u.aqi_lo AND d.us_aqi <= coalesce(u.aqi_hi, d.us_aqi)
LEFT JOIN aqi_categories AS v
    ON v.scheme = 'vn_aqi_1459' AND d.vn_aqi >= v.aqi_lo AND d.vn_aqi <= coalesce(v.aqi_hi, d.vn_aqi)
