SELECT id AS payment_id, order_id, payment_method, amount_cents
FROM raw_payments
