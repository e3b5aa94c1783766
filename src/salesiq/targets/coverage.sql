-- targets.stage_rates: one row per stage (NULL: any): how many of the deals that were open in it at a past moment were won within
--   horizon_days from then; the newest six moments, 30 days apart, whose horizon has passed
--   n, n_won     deals seen, a deal once a moment
--   win_share    0..1, drawn towards that of all stages by ten deals; NULL while no horizon has passed
CREATE OR REPLACE MACRO targets.stage_rates(as_of, horizon_days) AS TABLE
WITH moments AS (
    SELECT as_of - to_seconds(horizon_days * 86400) - to_days(30 * k) AS asked_at, as_of - to_days(30 * k) AS until_at
    FROM (SELECT unnest(range(0, 6))::INTEGER AS k)
), deals AS MATERIALIZED (
    SELECT deal_id, created_at, status, closed_at FROM base.deals(as_of := as_of) WHERE created_at IS NOT NULL
), stays AS MATERIALIZED (
    SELECT deal_id, stage, entered_at, left_at FROM funnel.visits(as_of := as_of)
), seen AS (
    SELECT stays.stage, deals.status = 'won' AND closed_at <= until_at AS is_won
    FROM deals
    JOIN moments ON created_at <= asked_at AND (closed_at IS NULL OR closed_at > asked_at)
    LEFT JOIN stays ON stays.deal_id = deals.deal_id AND entered_at <= asked_at AND (left_at IS NULL OR left_at > asked_at)
), overall AS (
    SELECT count(*) AS n, count(*) FILTER (is_won) AS n_won FROM seen
)
SELECT stage, count(*) AS n, count(*) FILTER (is_won) AS n_won,
    (count(*) FILTER (is_won) + 10 * any_value(overall.n_won / overall.n)) / (count(*) + 10) AS win_share
FROM seen CROSS JOIN overall WHERE stage IS NOT NULL GROUP BY stage
UNION ALL
SELECT NULL, n, n_won, n_won / nullif(n, 0) FROM overall;

-- targets.open_deals: one row per open deal at as_of: whose it is, what it is worth, what is to be done next and by when.
--   unit_id      unit that it counts for: the owner's, else the only top of the organisation, else NULL
--   is_owned     the owner is known and still there
--   next_step, next_step_due_at   the earliest agreed step that is not yet due, from the activities; NULL where there is none
--   is_planned   is_owned and a next step with a date ahead
CREATE OR REPLACE MACRO targets.open_deals(as_of) AS TABLE
WITH steps AS (
    SELECT deal_id, arg_min(next_step, (next_step_due_at, activity_id)) AS next_step, min(next_step_due_at) AS next_step_due_at
    FROM base.activities(as_of := as_of)
    WHERE next_step_due_at > as_of AND deal_id IS NOT NULL
    GROUP BY deal_id
), tops AS (
    SELECT CASE WHEN count(*) = 1 THEN min(unit_id) END AS unit_id FROM base.units(as_of := as_of) WHERE depth = 0
)
SELECT
    deals.deal_id, deals.name AS deal_name, deals.customer_id, customers.name AS customer_name, customers.tier, deals.owner_id AS rep_id,
    reps.name AS rep_name, coalesce(reps.unit_id, tops.unit_id) AS unit_id, deals.stage, deals.amount, deals.is_new_customer,
    deals.created_at, deals.expected_close_on, steps.next_step, steps.next_step_due_at,
    reps.rep_id IS NOT NULL AND reps.left_on IS NULL AS is_owned, is_owned AND steps.next_step_due_at IS NOT NULL AS is_planned,
    deals.source_file, deals.source_line
FROM base.deals(as_of := as_of) AS deals
CROSS JOIN tops
LEFT JOIN targets.standing_reps(as_of := as_of) AS reps ON reps.rep_id = deals.owner_id
LEFT JOIN base.customers(as_of := as_of) AS customers ON customers.customer_id = deals.customer_id
LEFT JOIN steps ON steps.deal_id = deals.deal_id
WHERE deals.status = 'open';

-- targets.period_lines: one row per period with targets and pair of a unit and a unit at or above it on the tree of that period.
CREATE OR REPLACE MACRO targets.period_lines(as_of) AS TABLE
SELECT period, unit_id, unnest(leads) AS lead_unit_id FROM targets.trees(as_of := as_of);
