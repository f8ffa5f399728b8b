-- The mean PM2.5 of each local hour (0: from midnight to one) over the last thirty days.
WITH hours AS (
    SELECT
        location_id, local_day, sensor_id, hour(local_from) AS hour, value_valid,
        count(*) OVER (PARTITION BY location_id, local_day, sensor_id) AS of_sensor
    FROM view_hour_flags
    WHERE era = 1 AND parameter = 'pm25' AND value_valid IS NOT NULL
        AND local_day >= CAST(date_add('day', -30, current_date) AS date)
),
chosen AS ( -- one sensor speaks for a day: the one with most hours
    SELECT
        location_id, hour, value_valid,
        dense_rank() OVER (PARTITION BY location_id, local_day ORDER BY of_sensor DESC, sensor_id) AS place
    FROM hours
)
SELECT
    location_id, CAST(hour AS bigint) AS hour,
    CAST(CAST(avg(value_valid) AS decimal(18, 6)) AS double) AS avg_pm25,
    count(*) AS hours
FROM chosen
WHERE place = 1
GROUP BY location_id, hour
