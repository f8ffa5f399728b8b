-- One row per location and local day. Hours are counted, not assumed: a gap lowers coverage.
WITH days AS ( -- each day from the era that holds it whole; a question about recent days opens no older file
    SELECT
        location_id, local_day, avg_pm25, avg_pm10, avg_o3, avg_no2, avg_so2, avg_co, hours,
        us_aqi, us_category, us_colour, us_pollutant, vn_aqi, vn_category, vn_colour, vn_pollutant,
        exceeds_who, exceeds_qcvn
    FROM view_daily_values
    WHERE era = 1 AND local_day >= CAST(date_add('day', -31, current_date) AS date)
    UNION ALL
    SELECT
        location_id, local_day, avg_pm25, avg_pm10, avg_o3, avg_no2, avg_so2, avg_co, hours,
        us_aqi, us_category, us_colour, us_pollutant, vn_aqi, vn_category, vn_colour, vn_pollutant,
        exceeds_who, exceeds_qcvn
    FROM view_daily_values
    WHERE era = 2 AND local_day >= CAST(date_add('day', -399, current_date) AS date)
        AND local_day < CAST(date_add('day', -31, current_date) AS date)
    UNION ALL
    SELECT
        location_id, local_day, avg_pm25, avg_pm10, avg_o3, avg_no2, avg_so2, avg_co, hours,
        us_aqi, us_category, us_colour, us_pollutant, vn_aqi, vn_category, vn_colour, vn_pollutant,
        exceeds_who, exceeds_qcvn
    FROM view_daily_values
    WHERE era = 3 AND local_day < CAST(date_add('day', -399, current_date) AS date)
)
SELECT
    d.location_id, s.location, s.city, d.local_day,
    d.avg_pm25, d.avg_pm10, d.avg_o3, d.avg_no2, d.avg_so2, d.avg_co, d.hours,
    CAST(d.hours AS double) / 24 AS coverage,
    CAST(d.hours AS double) / 24 < 0.5e0 AS is_incomplete,
    d.hours >= 18 AS valid_75,
    d.us_aqi, d.us_category, d.us_colour, d.us_pollutant,
    d.vn_aqi, d.vn_category, d.vn_colour, d.vn_pollutant, d.exceeds_who, d.exceeds_qcvn
FROM days AS d
JOIN view_stations AS s ON s.location_id = d.location_id
