-- targets.customer_changes: one row per customer with deals: what happened to them since before_at (a moment up to as_of).
--   n_new_deals, n_won_deals, n_lost_deals   opened, won, lost since; won_since_amount
--   open_amount_before   DECIMAL, of the deals open then, as known then
--   n_advanced, n_moved_back   deals open then and now whose stage came further, or fell back, in the order of the process
--   n_pushed             deals open then and now whose expected close was put later
CREATE OR REPLACE MACRO targets.customer_changes(as_of, before_at) AS TABLE
WITH earlier AS MATERIALIZED (
    SELECT deal_id, customer_id, status, stage, amount, expected_close_on FROM base.deals(as_of := before_at)
), latest AS MATERIALIZED (
    SELECT deal_id, customer_id, status, stage, amount, expected_close_on FROM base.deals(as_of := as_of)
), places AS MATERIALIZED (
    SELECT stage, position FROM base.stage_order(as_of := as_of)
)
SELECT
    coalesce(latest.customer_id, earlier.customer_id) AS customer_id,
    count(*) FILTER (earlier.deal_id IS NULL) AS n_new_deals,
    count(*) FILTER (latest.status = 'won' AND coalesce(earlier.status, 'open') = 'open') AS n_won_deals,
    count(*) FILTER (latest.status = 'lost' AND coalesce(earlier.status, 'open') = 'open') AS n_lost_deals,
    coalesce(sum(latest.amount) FILTER (latest.status = 'won' AND coalesce(earlier.status, 'open') = 'open'), 0)::DECIMAL(38, 2) AS won_since_amount,
    coalesce(sum(earlier.amount) FILTER (earlier.status = 'open'), 0)::DECIMAL(38, 2) AS open_amount_before,
    count(*) FILTER (latest.status = 'open' AND earlier.status = 'open' AND now_at.position > then_at.position) AS n_advanced,
    count(*) FILTER (latest.status = 'open' AND earlier.status = 'open' AND now_at.position < then_at.position) AS n_moved_back,
    count(*) FILTER (latest.status = 'open' AND earlier.status = 'open' AND latest.expected_close_on > earlier.expected_close_on) AS n_pushed
FROM latest
FULL JOIN earlier ON earlier.deal_id = latest.deal_id
LEFT JOIN places AS now_at ON now_at.stage = latest.stage
LEFT JOIN places AS then_at ON then_at.stage = earlier.stage
WHERE coalesce(latest.customer_id, earlier.customer_id) IS NOT NULL
GROUP BY ALL;
