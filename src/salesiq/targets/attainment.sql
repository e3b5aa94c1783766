-- targets.standing_reps: one row per rep known at as_of, with the unit that the rep's results count for.
--   unit_id   the rep's unit; where that is unknown, the top of the organisation if it has exactly one, else NULL
CREATE OR REPLACE MACRO targets.standing_reps(as_of) AS TABLE
WITH units AS MATERIALIZED (
    SELECT unit_id, depth FROM base.units(as_of := as_of)
), tops AS (
    SELECT CASE WHEN count(*) = 1 THEN min(unit_id) END AS unit_id FROM units WHERE depth = 0
)
SELECT reps.rep_id, reps.name, coalesce(units.unit_id, tops.unit_id) AS unit_id, reps.hired_on, reps.left_on
FROM base.reps(as_of := as_of) AS reps
CROSS JOIN tops
LEFT JOIN units ON units.unit_id = reps.unit_id;

-- targets.lines: one row per pair of a unit and a unit at or above it (lead_unit_id) that stood at as_of.
CREATE OR REPLACE MACRO targets.lines(as_of) AS TABLE
WITH RECURSIVE units AS MATERIALIZED (
    SELECT unit_id, CASE WHEN depth > 0 THEN parent_unit_id END AS parent_unit_id FROM base.units(as_of := as_of)
), lines AS (
    SELECT unit_id, unit_id AS lead_unit_id, parent_unit_id FROM units
    UNION ALL
    SELECT lines.unit_id, units.unit_id, units.parent_unit_id FROM lines JOIN units ON units.unit_id = lines.parent_unit_id
)
SELECT unit_id, lead_unit_id FROM lines;

-- targets.results: one row per thing that counts towards a target, known at as_of.
--   measure      bookings: a deal won, its amount, on the day it closed, for its owner
--                receipts: a payment received, its amount, for the owner of the customer
--                new_customers: the first deal won of a customer marked as new, 1, for the deal's owner
--   rep_id       owner at as_of; NULL where nobody owns it
--   unit_id      unit that it counts for: the rep's, else the only top of the organisation, else NULL
--   happened_on  DATE
--   amount       DECIMAL(18,2); a deal or receipt without an amount has no row
CREATE OR REPLACE MACRO targets.results(as_of) AS TABLE
WITH won AS MATERIALIZED (
    SELECT deal_id, customer_id, owner_id, closed_at, amount, is_new_customer
    FROM base.deals(as_of := as_of)
    WHERE status = 'won' AND closed_at <= as_of
), results AS (
    SELECT 'bookings' AS measure, owner_id AS rep_id, closed_at::DATE AS happened_on, amount FROM won WHERE amount IS NOT NULL
    UNION ALL
    SELECT 'receipts', customers.owner_id, received_on, amount
    FROM base.receipts(as_of := as_of) AS receipts
    LEFT JOIN base.customers(as_of := as_of) AS customers USING (customer_id)
    WHERE amount IS NOT NULL AND received_on <= as_of::DATE
    UNION ALL
    (SELECT 'new_customers', owner_id, closed_at::DATE, 1::DECIMAL(18, 2)
     FROM won WHERE is_new_customer
     QUALIFY row_number() OVER (PARTITION BY coalesce(customer_id, deal_id) ORDER BY closed_at, deal_id) = 1)
), tops AS (
    SELECT CASE WHEN count(*) = 1 THEN min(unit_id) END AS unit_id FROM base.units(as_of := as_of) WHERE depth = 0
)
SELECT results.measure, results.rep_id, coalesce(reps.unit_id, tops.unit_id) AS unit_id, results.happened_on, results.amount
FROM results
CROSS JOIN tops
LEFT JOIN targets.standing_reps(as_of := as_of) AS reps USING (rep_id);

-- targets.attainment: one row per unit and per rep with a target in the period: what was aimed at and what came in.
--   period_name, start_on, end_on   name of the period and its half-open days
--   unit_id        the unit; for a rep the rep's own; rep_id NULL for a unit
--   actual_amount  results of the measure with start_on <= day < end_on, for a unit those of all units below it on the period's tree too;
--                  zero where nothing came in, NULL for a measure that no results are known for (see targets.results)
--   gap_amount     actual_amount - target_amount: negative is still to come
CREATE OR REPLACE MACRO targets.attainment(as_of, period_name, start_on, end_on) AS TABLE
WITH results AS MATERIALIZED (
    SELECT measure, rep_id, unit_id, sum(amount)::DECIMAL(38, 2) AS amount
    FROM targets.results(as_of := as_of)
    WHERE happened_on >= start_on AND happened_on < end_on
    GROUP BY ALL
), actuals AS (
    SELECT measure, lead_unit_id AS unit_id, NULL::VARCHAR AS rep_id, sum(amount)::DECIMAL(38, 2) AS amount
    FROM results JOIN (FROM targets.period_lines(as_of := as_of) WHERE period = period_name) USING (unit_id)
    GROUP BY ALL
    UNION ALL
    SELECT measure, NULL, rep_id, sum(amount)::DECIMAL(38, 2) FROM results WHERE rep_id IS NOT NULL GROUP BY ALL
)
SELECT
    plan.period, plan.measure, plan.version, plan.unit_id, plan.rep_id,
    CASE WHEN plan.rep_id IS NULL THEN units.name ELSE reps.name END AS name,
    CASE WHEN plan.rep_id IS NULL THEN units.level ELSE 'rep' END AS level,
    plan.amount AS target_amount,
    CASE WHEN plan.measure IN ('bookings', 'receipts', 'new_customers') THEN coalesce(actuals.amount, 0)::DECIMAL(38, 2) END
        AS actual_amount,
    actual_amount::DOUBLE / nullif(plan.amount, 0)::DOUBLE AS attainment_share,
    actual_amount - plan.amount AS gap_amount,
    units.depth
FROM targets.plan(as_of := as_of) AS plan
LEFT JOIN targets.trees(as_of := as_of) AS units ON units.unit_id = plan.unit_id AND units.period = plan.period
LEFT JOIN base.reps(as_of := as_of) AS reps ON reps.rep_id = plan.rep_id
LEFT JOIN actuals ON actuals.measure = plan.measure
    AND actuals.rep_id IS NOT DISTINCT FROM plan.rep_id
    AND (plan.rep_id IS NOT NULL OR actuals.unit_id = plan.unit_id)
WHERE plan.period = period_name;

-- targets.rates: one row per measure and rep (NULL: owned by nobody): results of the days [since_on, until_on) in short.
--   n, amount, squares   number of results, their sum and the sum of their squares
CREATE OR REPLACE MACRO targets.rates(as_of, since_on, until_on) AS TABLE
SELECT
    measure, rep_id, unit_id, count(*) AS n, sum(amount)::DECIMAL(38, 2) AS amount,
    sum(amount::DECIMAL(19, 2) * amount::DECIMAL(19, 2))::DECIMAL(38, 4) AS squares
FROM targets.results(as_of := as_of)
WHERE happened_on >= since_on AND happened_on < until_on
GROUP BY ALL;

-- targets.weekly_results: one row per measure and week (Monday) since since_on with a result: their number, for the spread over weeks.
CREATE OR REPLACE MACRO targets.weekly_results(as_of, since_on) AS TABLE
SELECT measure, date_trunc('week', happened_on)::DATE AS week_start_on, count(*) AS n
FROM targets.results(as_of := as_of)
WHERE happened_on >= since_on
GROUP BY ALL;

-- targets.seasonal_results: one row per measure and third of a month (third 0: days 1-10, 1: 11-20, 2: the rest) with a result:
--   n their number, first_on the day of the measure's first result of all.
CREATE OR REPLACE MACRO targets.seasonal_results(as_of) AS TABLE
WITH thirds AS (
    SELECT measure, year(happened_on)::INTEGER AS year, month(happened_on)::INTEGER AS month,
        least((day(happened_on) - 1) // 10, 2)::INTEGER AS third, count(*) AS n, min(happened_on) AS earliest_on
    FROM targets.results(as_of := as_of)
    GROUP BY ALL
)
SELECT * EXCLUDE (earliest_on), min(earliest_on) OVER (PARTITION BY measure) AS first_on FROM thirds;
