-- Cents are added as whole numbers and become dollars last, so that no cent is lost.
WITH paid AS (
    SELECT
        order_id,
        sum(CASE WHEN payment_method = 'credit_card' THEN amount_cents ELSE 0 END) AS credit_card,
        sum(CASE WHEN payment_method = 'coupon' THEN amount_cents ELSE 0 END) AS coupon,
        sum(CASE WHEN payment_method = 'bank_transfer' THEN amount_cents ELSE 0 END) AS bank_transfer,
        sum(CASE WHEN payment_method = 'gift_card' THEN amount_cents ELSE 0 END) AS gift_card,
        sum(amount_cents) AS total
    FROM stg_payments
    GROUP BY order_id
)
SELECT
    o.order_id, o.customer_id, o.ordered_on, o.status, o.is_returned,
    CAST(coalesce(p.credit_card, 0) AS double) / 100 AS credit_card_amount,
    CAST(coalesce(p.coupon, 0) AS double) / 100 AS coupon_amount,
    CAST(coalesce(p.bank_transfer, 0) AS double) / 100 AS bank_transfer_amount,
    CAST(coalesce(p.gift_card, 0) AS double) / 100 AS gift_card_amount,
    CAST(coalesce(p.total, 0) AS double) / 100 AS amount
FROM stg_orders AS o
LEFT JOIN paid AS p ON p.order_id = o.order_id
