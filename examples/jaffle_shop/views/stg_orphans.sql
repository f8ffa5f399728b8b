-- Payments of orders that are not there, and orders of customers that are not there. It reads the seeds
-- themselves, so it is made, and its check is asked, whenever one of them changes.
SELECT 'raw_payments' AS seed, p.id, 'there is no such order' AS problem
FROM raw_payments AS p
LEFT JOIN raw_orders AS o ON o.id = p.order_id
WHERE o.id IS NULL
UNION ALL
SELECT 'raw_orders' AS seed, o.id, 'there is no such customer' AS problem
FROM raw_orders AS o
LEFT JOIN raw_customers AS c ON c.id = o.customer_id
WHERE c.id IS NULL
