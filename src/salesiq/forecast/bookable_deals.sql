-- forecast.bookable_deals: one row per deal that existed at as_of, with what a forecast of bookings reads of it.
--   rep_id, unit_id  the owner and the owner's unit; where that is unknown, the only top of the organisation if it has exactly one, else NULL
--   began_at         creation, else the first visit to a stage; NULL where neither is known
--   stage_days       DOUBLE >= 0, in the stage that it is in, else since it began; 0 where neither is known
--   closed_at        NULL while open, and where no export says when
--   cents            BIGINT, the amount x 100; NULL where unknown
--   is_hindsight     true where owner, product line and amount were only known after as_of
CREATE OR REPLACE MACRO forecast.bookable_deals(as_of) AS TABLE
WITH units AS MATERIALIZED (
    SELECT unit_id, depth FROM base.units(as_of := as_of)
), tops AS (
    SELECT CASE WHEN count(*) = 1 THEN min(unit_id) END AS unit_id FROM units WHERE depth = 0
)
SELECT
    deals.deal_id, deals.customer_id, deals.owner_id AS rep_id, coalesce(units.unit_id, tops.unit_id) AS unit_id, deals.product_line,
    deals.stage, deals.status, coalesce(deals.created_at, progress.first_at) AS began_at,
    greatest(coalesce(forecast.days_between(coalesce(progress.stage_at, deals.created_at), as_of), 0), 0) AS stage_days,
    deals.closed_at, (deals.amount * 100)::BIGINT AS cents, deals.expected_close_on, deals.is_hindsight
FROM base.deals(as_of := as_of) AS deals
LEFT JOIN base.reps(as_of := as_of) AS reps ON reps.rep_id = deals.owner_id
LEFT JOIN units ON units.unit_id = reps.unit_id
CROSS JOIN tops
LEFT JOIN forecast.stage_progress(as_of := as_of) AS progress ON progress.deal_id = deals.deal_id;

-- forecast.open_amounts: one row per amount that an export told of a deal while it was open, for deals won by as_of.
--   open_cents, won_cents  BIGINT > 0, the amount told then and the one told of the win
--   days                   DOUBLE > 0, for how long it was told while the deal was open
CREATE OR REPLACE MACRO forecast.open_amounts(as_of) AS TABLE
WITH told AS (
    SELECT deal_id, amount, known_from, lead(known_from) OVER (PARTITION BY deal_id ORDER BY known_from) AS known_to
    FROM base.deal_history(as_of := as_of)
), won AS (
    SELECT deal_id, amount, closed_at FROM base.deals(as_of := as_of) WHERE status = 'won' AND closed_at <= as_of AND NOT is_hindsight
)
SELECT
    told.deal_id, (told.amount * 100)::BIGINT AS open_cents, (won.amount * 100)::BIGINT AS won_cents,
    forecast.days_between(told.known_from, least(coalesce(told.known_to, won.closed_at), won.closed_at)) AS days
FROM told
JOIN won ON won.deal_id = told.deal_id
WHERE told.known_from < won.closed_at AND told.amount > 0 AND won.amount > 0;
