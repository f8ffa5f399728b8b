-- One row per location and local day of the last year, and the air now beside its newest day: one source for a
-- map and a trend. Whatever is not to be summed is text.
WITH days AS (
    SELECT
        location_id, location, city, local_day, avg_pm25, avg_pm10, avg_o3, avg_no2, avg_so2, avg_co, coverage,
        is_incomplete, us_aqi, us_category, us_colour, us_pollutant, vn_aqi, vn_category, vn_colour, vn_pollutant,
        exceeds_who, exceeds_qcvn,
        row_number() OVER (PARTITION BY location_id ORDER BY local_day DESC) = 1 AS is_latest
    FROM view_daily_average
    WHERE local_day >= CAST(date_add('day', -365, current_date) AS date)
)
SELECT
    CAST(d.location_id AS varchar) AS location_id, d.location, d.city, l.lat_lon,
    replace(CAST(d.local_day AS varchar), '-', '') AS day, d.local_day, d.is_latest,
    d.avg_pm25, d.avg_pm10, d.avg_o3, d.avg_no2, d.avg_so2, d.avg_co, d.coverage, d.is_incomplete,
    d.us_aqi, d.us_category, d.us_colour, d.us_pollutant,
    d.vn_aqi, d.vn_category, d.vn_colour, d.vn_pollutant, d.exceeds_who, d.exceeds_qcvn,
    CASE WHEN d.is_latest THEN l.us_aqi END AS latest_us_aqi,
    CASE WHEN d.is_latest THEN l.vn_aqi END AS latest_vn_aqi,
    CASE WHEN d.is_latest THEN date_format(l.as_of, '%Y%m%d%H%i%s') END AS latest_as_of,
    CASE WHEN d.is_latest THEN l.is_current END AS latest_is_current
FROM days AS d
JOIN view_latest_aqi AS l ON l.location_id = d.location_id
