SELECT id AS customer_id, concat(first_name, ' ', last_initial, '.') AS name
FROM raw_customers
