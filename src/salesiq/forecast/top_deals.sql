-- forecast.open_deals: one row per open deal at as_of, with the names that a person reads and all that deals are grouped by.
--   deal_name, amount, customer_name, stage and the columns of base.segments
--   is_amount_hindsight   true where the amount was only known after as_of
CREATE OR REPLACE MACRO forecast.open_deals(as_of) AS TABLE
SELECT deals.deal_id, deals.name AS deal_name, deals.amount, deals.is_hindsight AS is_amount_hindsight,
    customers.name AS customer_name, segments.* EXCLUDE (deal_id)
FROM base.deals(as_of := as_of) AS deals
LEFT JOIN base.segments(as_of := as_of) AS segments USING (deal_id)
LEFT JOIN base.customers(as_of := as_of) AS customers ON customers.customer_id = deals.customer_id
WHERE deals.status = 'open';
