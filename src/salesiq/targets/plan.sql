-- targets.period_start, targets.period_end: the half-open days of a period by its name; NULL for a name that cannot be read.
--   2026, 2026-Q2 and 2026-04 are calendar periods; 2011-12-29/2012-03-30 is a window of its own, its end not part of it
CREATE OR REPLACE MACRO targets.period_start(period) AS
CASE WHEN contains(period, '/') THEN try_cast(split_part(period, '/', 1) AS DATE)
     WHEN length(period) = 4 THEN try_cast(period || '-01-01' AS DATE)
     WHEN contains(period, '-Q') THEN (try_cast(left(period, 4) || '-01-01' AS DATE) + to_months(3 * (try_cast(right(period, 1) AS INTEGER) - 1)))::DATE
     ELSE try_cast(period || '-01' AS DATE) END;

CREATE OR REPLACE MACRO targets.period_end(period) AS
CASE WHEN contains(period, '/') THEN try_cast(split_part(period, '/', 2) AS DATE)
     ELSE (targets.period_start(period) + to_months(CASE WHEN length(period) = 4 THEN 12 WHEN contains(period, '-Q') THEN 3 ELSE 1 END))::DATE END;

-- targets.plan: one row per target of the newest version of its period and measure, known at as_of; of every_version if asked.
--   version   the newest is the one with the newest set_at, among equals the last by text; a version replaces the one before it as a whole
--   unit_id   the unit that carries the target; for a rep's target the unit the rep belongs to at as_of
--   rep_id    NULL for a unit's target
--   amount    DECIMAL(38,2), never NULL
--   set_at    when the version was complete: the newest set_at of its rows; n_version counts versions from 1
CREATE OR REPLACE MACRO targets.plan(as_of, every_version := false) AS TABLE
WITH stated AS MATERIALIZED (
    SELECT period, measure, version, unit_id, rep_id, amount, coalesce(set_at, TIMESTAMP '1900-01-01') AS set_at
    FROM base.targets(as_of := as_of)
    WHERE amount IS NOT NULL AND (unit_id IS NOT NULL OR rep_id IS NOT NULL)
), versions AS (
    SELECT period, measure, version, max(set_at) AS newest_at FROM stated GROUP BY ALL
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY period, measure ORDER BY newest_at, version) AS n_version,
        count(*) OVER (PARTITION BY period, measure) AS n_versions
    FROM versions
)
SELECT
    stated.period, stated.measure, stated.version, coalesce(stated.unit_id, reps.unit_id) AS unit_id, stated.rep_id,
    sum(stated.amount)::DECIMAL(38, 2) AS amount, ranked.newest_at AS set_at, ranked.n_version, ranked.n_version = ranked.n_versions AS is_newest
FROM stated
JOIN ranked USING (period, measure, version)
LEFT JOIN base.reps(as_of := as_of) AS reps ON reps.rep_id = stated.rep_id
WHERE every_version OR ranked.n_version = ranked.n_versions
GROUP BY ALL;

-- targets.trees: one row per period with targets and unit that stood in it: the tree on the period's last day, or at as_of before that.
--   parent_unit_id   NULL for a top; of several parents at once the one since last
--   also_parent_id   another parent that the unit stands below at the same time: validities that overlap
--   former_parent_id the parent that the unit left in the period, on moved_on
--   is_opened, is_closed   the unit began, or ended, in the period; a unit that closed stays where it stood last
--   leads            the unit and all above it, from the top; a unit in a cycle has no row
--   where no unit stood in a period yet, its tree is the one at as_of
--   (macros are not hygienic: no column in here may be named start_on or end_on, which macros that read it take as parameters)
CREATE OR REPLACE MACRO targets.trees(as_of) AS TABLE
WITH RECURSIVE units AS MATERIALIZED (
    SELECT unit_id, parent_unit_id, level, name, coalesce(valid_from, DATE '1900-01-01') AS valid_from, valid_to
    FROM base.org_units(as_of := as_of)
    WHERE coalesce(valid_from, DATE '1900-01-01') <= as_of
), periods AS MATERIALIZED (
    SELECT DISTINCT
        period, least(coalesce(targets.period_end(period) - 1, as_of::DATE), as_of::DATE) AS tree_on,
        least(coalesce(targets.period_start(period), as_of::DATE), as_of::DATE) AS first_on
    FROM base.targets(as_of := as_of)
), windows AS MATERIALIZED (
    SELECT period, CASE WHEN is_known THEN tree_on ELSE as_of::DATE END AS tree_on, CASE WHEN is_known THEN first_on ELSE as_of::DATE END AS first_on
    FROM (SELECT *, tree_on >= (SELECT min(valid_from) FROM units) AS is_known FROM periods)
), stood AS MATERIALIZED (
    SELECT
        windows.*, units.*,
        row_number() OVER (PARTITION BY period, unit_id ORDER BY units.valid_from DESC, parent_unit_id NULLS LAST) AS place
    FROM units JOIN windows ON units.valid_from <= tree_on AND (valid_to IS NULL OR valid_to > first_on)
), former AS (
    SELECT
        earlier.period, earlier.unit_id,
        min(earlier.parent_unit_id) FILTER (earlier.valid_to IS NULL OR earlier.valid_to > newest.valid_from) AS also_parent_id,
        arg_max(earlier.parent_unit_id, earlier.valid_from) FILTER (earlier.valid_to <= newest.valid_from) AS former_parent_id
    FROM stood AS earlier JOIN stood AS newest USING (period, unit_id)
    WHERE newest.place = 1 AND earlier.place > 1 AND earlier.parent_unit_id <> newest.parent_unit_id
    GROUP BY ALL
), firsts AS (
    SELECT unit_id, min(valid_from) AS since_on FROM units GROUP BY unit_id
), flat AS MATERIALIZED (
    SELECT
        stood.period, unit_id, parent_unit_id, level, name, also_parent_id, former_parent_id,
        CASE WHEN former_parent_id IS NOT NULL THEN valid_from END AS moved_on,
        since_on > first_on AS is_opened, coalesce(valid_to <= tree_on, false) AS is_closed
    FROM stood JOIN firsts USING (unit_id)
    LEFT JOIN former USING (period, unit_id)
    WHERE place = 1
), tree AS (
    SELECT *, 0 AS depth, [unit_id] AS leads
    FROM flat
    WHERE parent_unit_id IS NULL OR (period, parent_unit_id) NOT IN (SELECT (period, unit_id) FROM flat)
    UNION ALL
    SELECT flat.*, tree.depth + 1, list_append(tree.leads, flat.unit_id)
    FROM flat JOIN tree ON flat.parent_unit_id = tree.unit_id AND flat.period = tree.period
)
SELECT * REPLACE (CASE WHEN depth > 0 THEN parent_unit_id END AS parent_unit_id) FROM tree;

-- targets.nodes: one row per unit and plan (period, measure, version), with the unit's own target where it has one.
--   units that only the plan names, or that stand in a cycle, are tops of their own: depth 0, no parent
--   amount   NULL where the unit has no target of its own; top_id the top of the unit's tree
CREATE OR REPLACE MACRO targets.nodes(as_of, every_version := false) AS TABLE
WITH plan AS MATERIALIZED (
    FROM targets.plan(as_of := as_of, every_version := every_version)
), standing AS MATERIALIZED (
    SELECT period, unit_id, parent_unit_id, level, name, depth, leads[1] AS top_id FROM targets.trees(as_of := as_of)
), units AS (
    FROM standing
    UNION ALL
    SELECT DISTINCT period, unit_id, NULL::VARCHAR, NULL::VARCHAR, NULL::VARCHAR, 0, unit_id FROM plan ANTI JOIN standing USING (period, unit_id) WHERE unit_id IS NOT NULL
), plans AS (
    SELECT DISTINCT period, measure, version, set_at, n_version, is_newest FROM plan
), own AS (
    SELECT period, measure, version, unit_id, amount FROM plan WHERE rep_id IS NULL
)
SELECT plans.*, units.* EXCLUDE (period), own.amount
FROM plans
JOIN units USING (period)
LEFT JOIN own USING (period, measure, version, unit_id);
