-- Everyone is here once, with or without orders.
WITH bought AS (
    SELECT
        customer_id,
        min(ordered_on) AS first_order,
        max(ordered_on) AS latest_order,
        count(*) AS number_of_orders,
        count_if(is_returned) AS returned_orders,
        -- By way of decimals: a sum of dollars as doubles could end in 0.30000000000000004.
        CAST(sum(CAST(CASE WHEN is_returned THEN 0e0 ELSE amount END AS decimal(18, 2))) AS double) AS lifetime_value
    FROM orders
    GROUP BY customer_id
)
SELECT
    c.customer_id, c.name, b.first_order, b.latest_order,
    coalesce(b.number_of_orders, 0) AS number_of_orders,
    coalesce(b.returned_orders, 0) AS returned_orders,
    coalesce(b.lifetime_value, 0e0) AS lifetime_value
FROM stg_customers AS c
LEFT JOIN bought AS b ON b.customer_id = c.customer_id
