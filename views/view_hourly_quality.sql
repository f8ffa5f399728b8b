-- Every hour once, with what is wrong with it: nothing is dropped, readers choose.
SELECT
    location_id, sensor_id, parameter, unit, value, value_valid, qc_flag, qc_reason, qc_version,
    period_from, period_to, local_day, day_key
FROM view_hour_flags
WHERE own
