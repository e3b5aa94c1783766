-- targets.spans: one row per unit, with all below it, and measure: what happened in the days [span_from, span_to), in short.
--   measure   new_deals (created), won_deals, won_amount (deals won, by closing day), activities
--   n, amount, squares   things, their sum (their number where things are counted), the sum of squares
--   what nobody owns counts for the top where there is exactly one
CREATE OR REPLACE MACRO targets.spans(as_of, span_from, span_to) AS TABLE
WITH deals AS MATERIALIZED (
    SELECT owner_id AS rep_id, created_at, closed_at, status, amount FROM base.deals(as_of := as_of)
), things AS (
    SELECT 'new_deals' AS measure, rep_id, created_at::DATE AS day, 1::DECIMAL(18, 2) AS amount FROM deals
    UNION ALL
    SELECT 'won_deals', rep_id, closed_at::DATE, 1 FROM deals WHERE status = 'won' AND closed_at <= as_of
    UNION ALL
    SELECT 'won_amount', rep_id, closed_at::DATE, amount FROM deals WHERE status = 'won' AND closed_at <= as_of AND amount IS NOT NULL
    UNION ALL
    SELECT 'activities', rep_id, occurred_at::DATE, 1 FROM base.activities(as_of := as_of) WHERE occurred_at <= as_of
), tops AS (
    SELECT CASE WHEN count(*) = 1 THEN min(unit_id) END AS unit_id FROM base.units(as_of := as_of) WHERE depth = 0
), placed AS (
    SELECT measure, things.amount, coalesce(reps.unit_id, tops.unit_id) AS unit_id
    FROM things CROSS JOIN tops LEFT JOIN targets.standing_reps(as_of := as_of) AS reps USING (rep_id)
    WHERE day >= span_from AND day < span_to
)
SELECT
    lead_unit_id AS unit_id, measure, count(*) AS n, sum(placed.amount)::DECIMAL(38, 2) AS amount,
    sum(placed.amount::DECIMAL(19, 2) * placed.amount::DECIMAL(19, 2))::DECIMAL(38, 4) AS squares
FROM placed JOIN targets.lines(as_of := as_of) USING (unit_id)
GROUP BY ALL;
