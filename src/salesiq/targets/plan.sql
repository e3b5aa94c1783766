-- targets.plan: one row per target of the newest version of its period and measure, known at as_of.
--   version   the one with the newest set_at, among equals the last by text; a version replaces the one before it as a whole
--   unit_id   the unit that carries the target; for a rep's target the unit the rep belongs to at as_of
--   rep_id    NULL for a unit's target
--   amount    DECIMAL(38,2), never NULL
CREATE OR REPLACE MACRO targets.plan(as_of) AS TABLE
WITH stated AS MATERIALIZED (
    SELECT period, measure, version, unit_id, rep_id, amount, coalesce(set_at, TIMESTAMP '1900-01-01') AS set_at
    FROM base.targets(as_of := as_of)
    WHERE amount IS NOT NULL AND (unit_id IS NOT NULL OR rep_id IS NOT NULL)
), versions AS (
    SELECT period, measure, version, max(set_at) AS newest_at FROM stated GROUP BY ALL
), newest AS (
    SELECT period, measure, arg_max(version, (newest_at, version)) AS version FROM versions GROUP BY ALL
)
SELECT
    stated.period, stated.measure, stated.version, coalesce(stated.unit_id, reps.unit_id) AS unit_id, stated.rep_id,
    sum(stated.amount)::DECIMAL(38, 2) AS amount
FROM stated
JOIN newest USING (period, measure, version)
LEFT JOIN base.reps(as_of := as_of) AS reps ON reps.rep_id = stated.rep_id
GROUP BY ALL;

-- targets.nodes: one row per unit and plan (period, measure, version), with the unit's own target where it has one.
--   units that only the plan names, or that stand in a cycle, are tops of their own: depth 0, no parent
--   amount   NULL where the unit has no target of its own
CREATE OR REPLACE MACRO targets.nodes(as_of) AS TABLE
WITH plan AS MATERIALIZED (
    FROM targets.plan(as_of := as_of)
), standing AS MATERIALIZED (
    SELECT unit_id, CASE WHEN depth > 0 THEN parent_unit_id END AS parent_unit_id, level, name, depth FROM base.units(as_of := as_of)
), units AS (
    FROM standing
    UNION ALL
    SELECT DISTINCT unit_id, NULL::VARCHAR, NULL::VARCHAR, NULL::VARCHAR, 0 FROM plan ANTI JOIN standing USING (unit_id) WHERE unit_id IS NOT NULL
), plans AS (
    SELECT DISTINCT period, measure, version FROM plan
)
SELECT plans.*, units.*, plan.amount
FROM plans
CROSS JOIN units
LEFT JOIN (FROM plan WHERE rep_id IS NULL) AS plan USING (period, measure, version, unit_id);
