-- base.deal_groups: base.segments without `stage` and `status`, which are costly to rebuild from the stage events.
CREATE OR REPLACE MACRO base.deal_groups(as_of) AS TABLE
SELECT
    deals.deal_id, deals.owner_id AS rep_id, reps.name AS rep_name, reps.unit_id, units.name AS unit_name, units.level AS unit_level,
    deals.customer_id, coalesce(customers.region, units.name) AS region, customers.industry, customers.tier,
    deals.product_line, deals.source, deals.is_new_customer, deals.currency,
    CASE WHEN deals.created_at IS NOT NULL
         THEN year(deals.created_at)::VARCHAR || '-Q' || quarter(deals.created_at)::VARCHAR END AS quarter
FROM base.deal_versions(as_of := as_of) AS deals
LEFT JOIN base.reps(as_of := as_of) AS reps ON reps.rep_id = deals.owner_id
LEFT JOIN base.customers(as_of := as_of) AS customers ON customers.customer_id = deals.customer_id
LEFT JOIN base.units(as_of := as_of) AS units ON units.unit_id = reps.unit_id;

-- base.segments: one row per deal that existed at as_of, with everything that people group deals by.
--   rep_id     the deal's owner; rep_name, unit_id, unit_name, unit_level of that rep at as_of
--   region     the customer's region, else the name of the rep's unit
--   quarter    fiscal-year-free label of the quarter in which the deal began, such as 2026-Q1
CREATE OR REPLACE MACRO base.segments(as_of) AS TABLE
SELECT
    deals.deal_id, deals.owner_id AS rep_id, reps.name AS rep_name, reps.unit_id, units.name AS unit_name, units.level AS unit_level,
    deals.customer_id, coalesce(customers.region, units.name) AS region, customers.industry, customers.tier,
    deals.product_line, deals.source, deals.is_new_customer, deals.currency, deals.stage, deals.status,
    CASE WHEN deals.created_at IS NOT NULL
         THEN year(deals.created_at)::VARCHAR || '-Q' || quarter(deals.created_at)::VARCHAR END AS quarter
FROM base.deals(as_of := as_of) AS deals
LEFT JOIN base.reps(as_of := as_of) AS reps ON reps.rep_id = deals.owner_id
LEFT JOIN base.customers(as_of := as_of) AS customers ON customers.customer_id = deals.customer_id
LEFT JOIN base.units(as_of := as_of) AS units ON units.unit_id = reps.unit_id;
