-- forecast.rating_rank: a credit grade as a number that grows as it worsens: AAA < AA+ < AA < AA- < A < BBB < B; NULL for no grade.
CREATE OR REPLACE MACRO forecast.rating_rank(rating) AS
    100 * ascii(nullif(upper(trim(rating)), ''))
    - 10 * (length(trim(rating)) - length(ltrim(upper(trim(rating)), left(upper(trim(rating)), 1))))
    - CASE right(trim(rating), 1) WHEN '+' THEN 1 WHEN '-' THEN -1 ELSE 0 END;

-- forecast.customer_standing: one row per customer of whom the ERP or finance knew something at as_of.
--   n_orders_365          orders of 365 days; returns (amount below 0) are none
--   ordered_at            newest order of any time; NULL where there is none
--   n_overdue_invoices    due before the day of as_of and not paid in full by then; credit notes are none
--   paid_late_days        whole days late (below 0: early) per invoice paid in full, mean over those with a due day; NULL without any
--   is_downgraded         whether the newest credit grade is worse than the one before; NULL without any grade
CREATE OR REPLACE MACRO forecast.customer_standing(as_of) AS TABLE
WITH ordered AS (
    SELECT customer_id, max(ordered_at) AS ordered_at, count(*) FILTER (ordered_at > as_of - INTERVAL 365 DAY) AS n_orders_365
    FROM base.orders(as_of := as_of)
    WHERE customer_id IS NOT NULL AND coalesce(amount, 0) >= 0
    GROUP BY customer_id
), paid AS (
    SELECT invoice_id, sum(amount) AS amount, max(received_on) AS paid_on
    FROM base.receipts(as_of := as_of)
    WHERE invoice_id IS NOT NULL
    GROUP BY invoice_id
), billed AS (
    SELECT
        invoices.customer_id,
        count(*) FILTER (due_on < as_of::DATE AND coalesce(paid.amount, 0) < invoices.amount) AS n_overdue_invoices,
        sum(date_diff('day', due_on, paid_on)) FILTER (paid.amount >= invoices.amount)
            / nullif(count(due_on) FILTER (paid.amount >= invoices.amount), 0) AS paid_late_days
    FROM base.invoices(as_of := as_of) AS invoices
    LEFT JOIN paid USING (invoice_id)
    WHERE customer_id IS NOT NULL AND invoices.amount > 0
    GROUP BY invoices.customer_id
), rated AS (
    SELECT customer_id, list(forecast.rating_rank(rating) ORDER BY rated_on DESC) AS ranks
    FROM base.credit_ratings(as_of := as_of)
    WHERE trim(rating) <> ''
    GROUP BY customer_id
)
SELECT
    customer_id, coalesce(n_orders_365, 0) AS n_orders_365, ordered_at,
    coalesce(n_overdue_invoices, 0) AS n_overdue_invoices, paid_late_days,
    CASE WHEN ranks IS NOT NULL THEN coalesce(ranks[1] > ranks[2], false) END AS is_downgraded
FROM ordered
FULL JOIN billed USING (customer_id)
FULL JOIN rated USING (customer_id);
