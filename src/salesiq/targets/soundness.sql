-- targets.problems: one row per row of the plan or the organisation that cannot be meant like this, known at as_of.
--   problem   cycle | unknown_parent | several_tops | repeated_target | negative_target | bad_period | overlapping_periods | mixed_currencies
--   record    what the row is about; source_file, source_line   where it came from
--   detail    the other side: the parent, the version, the window that overlaps, the currencies
CREATE OR REPLACE MACRO targets.problems(as_of) AS TABLE
WITH units AS MATERIALIZED (
    SELECT unit_id, parent_unit_id, source_file, source_line
    FROM base.org_units(as_of := as_of)
    WHERE coalesce(valid_from, DATE '1900-01-01') <= as_of AND (valid_to IS NULL OR valid_to > as_of)
), standing AS MATERIALIZED (
    SELECT unit_id, depth FROM base.units(as_of := as_of)
), plan AS MATERIALIZED (
    SELECT
        targets.*, coalesce(targets.rep_id, targets.unit_id) AS carrier, coalesce(targets.unit_id, reps.unit_id) AS home_id, targets.period_start(period) AS start_on, targets.period_end(period) AS end_on
    FROM base.targets(as_of := as_of) AS targets
    LEFT JOIN base.reps(as_of := as_of) AS reps ON reps.rep_id = targets.rep_id
), windows AS MATERIALIZED (
    SELECT measure, carrier, period, start_on, end_on, min(source_file) AS source_file, min(source_line) AS source_line
    FROM plan GROUP BY ALL
)
SELECT 'cycle' AS problem, unit_id AS record, parent_unit_id AS detail, source_file, source_line
FROM units ANTI JOIN standing USING (unit_id)
UNION ALL
SELECT 'unknown_parent', unit_id, parent_unit_id, source_file, source_line
FROM units WHERE parent_unit_id IS NOT NULL AND parent_unit_id NOT IN (SELECT unit_id FROM base.org_units(as_of := as_of))
UNION ALL
SELECT 'several_tops', unit_id, NULL, source_file, source_line
FROM units WHERE parent_unit_id IS NULL AND (SELECT count(DISTINCT unit_id) FROM units WHERE parent_unit_id IS NULL) > 1
UNION ALL
SELECT 'repeated_target', carrier, version || ', ' || period || ', ' || measure, source_file, source_line
FROM plan
-- the key keeps equal rows out of a book; a rep's target once with and once without the rep's own unit is not equal
QUALIFY count(*) OVER (PARTITION BY version, period, measure, home_id, rep_id) > 1
UNION ALL
SELECT 'negative_target', carrier, period || ', ' || measure || ': ' || amount::VARCHAR, source_file, source_line FROM plan WHERE amount < 0
UNION ALL
SELECT 'bad_period', carrier, period, source_file, source_line FROM plan WHERE start_on IS NULL OR end_on IS NULL OR end_on <= start_on
UNION ALL
-- a month lies in its quarter; windows that cross each other count the same days twice
SELECT DISTINCT 'overlapping_periods', one.carrier, one.period || ' x ' || other.period, one.source_file, one.source_line
FROM windows AS one JOIN windows AS other ON one.measure = other.measure AND one.carrier = other.carrier
    AND one.start_on < other.start_on AND other.start_on < one.end_on AND one.end_on < other.end_on
UNION ALL
SELECT 'mixed_currencies', currency, n_deals::VARCHAR, source_file, source_line
FROM (
    SELECT currency, count(*) AS n_deals, min(source_file) AS source_file, min(source_line) AS source_line
    FROM base.deal_versions(as_of := as_of) WHERE currency IS NOT NULL AND amount IS NOT NULL GROUP BY currency
) QUALIFY count(*) OVER () > 1;
