-- targets.key_customers: one row per customer that stands for the company's plan: those of the named tier, else the largest.
--   won_amount    deals won in the days [since_on, until_on); open_amount, n_open_deals of the open ones
--   n_decision_makers   contacts whose buying role is decision_maker; decision_maker, decision_maker_title the first by id
--   last_update_at      newest activity, stage event or closing that was known; NULL where there never was one
CREATE OR REPLACE MACRO targets.key_customers(as_of, since_on, until_on, tier_name) AS TABLE
WITH deals AS MATERIALIZED (
    SELECT deal_id, customer_id, status, amount, closed_at, created_at FROM base.deals(as_of := as_of)
), sums AS (
    SELECT
        customer_id, coalesce(sum(amount) FILTER (status = 'won' AND closed_at >= since_on AND closed_at < until_on), 0)::DECIMAL(38, 2) AS won_amount,
        coalesce(sum(amount) FILTER (status = 'open'), 0)::DECIMAL(38, 2) AS open_amount, count(*) FILTER (status = 'open') AS n_open_deals,
        greatest(max(created_at), max(closed_at)) AS deal_at
    FROM deals WHERE customer_id IS NOT NULL GROUP BY customer_id
), moved AS (
    SELECT customer_id, max(entered_at) AS moved_at FROM base.stage_events(as_of := as_of) JOIN deals USING (deal_id) GROUP BY customer_id
), talked AS (
    SELECT coalesce(activities.customer_id, deals.customer_id) AS customer_id, max(occurred_at) AS talked_at
    FROM base.activities(as_of := as_of) AS activities LEFT JOIN deals USING (deal_id) WHERE occurred_at <= as_of GROUP BY ALL
), deciders AS (
    SELECT
        customer_id, count(*) AS n_decision_makers, arg_min(name, contact_id) AS decision_maker, arg_min(title, contact_id) AS decision_maker_title
    FROM base.contacts(as_of := as_of) WHERE buying_role = 'decision_maker' GROUP BY customer_id
)
SELECT
    customers.customer_id, customers.name AS customer_name, customers.tier, customers.owner_id AS rep_id, reps.name AS rep_name,
    reps.manager_id, managers.name AS manager_name, reps.rep_id IS NOT NULL AND reps.left_on IS NULL AS is_owned,
    coalesce(won_amount, 0)::DECIMAL(38, 2) AS won_amount, coalesce(open_amount, 0)::DECIMAL(38, 2) AS open_amount, coalesce(n_open_deals, 0) AS n_open_deals,
    decision_maker, decision_maker_title, coalesce(n_decision_makers, 0) AS n_decision_makers,
    greatest(talked_at, moved_at, deal_at) AS last_update_at, customers.tier IS NOT DISTINCT FROM tier_name AS is_named
FROM base.customers(as_of := as_of) AS customers
LEFT JOIN sums ON sums.customer_id = customers.customer_id
LEFT JOIN moved ON moved.customer_id = customers.customer_id
LEFT JOIN talked ON talked.customer_id = customers.customer_id
LEFT JOIN deciders ON deciders.customer_id = customers.customer_id
LEFT JOIN base.reps(as_of := as_of) AS reps ON reps.rep_id = customers.owner_id
LEFT JOIN base.reps(as_of := as_of) AS managers ON managers.rep_id = reps.manager_id;
