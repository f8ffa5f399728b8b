SELECT id AS order_id, customer_id, ordered_on, status, coalesce(status = 'returned', false) AS is_returned
FROM raw_orders
