-- targets.placed: one row per child of a unit and plan, as the sheets count it: every version, every parent that a child stands below.
--   counted_amount   what the unit's sheet counts for the child
--   double_amount    the part of it that another unit counts too: a unit under a second parent at the same time, or a rep with the
--                    same target in two units; the home of a rep is the unit that `reps` names, else the first by id
--   moved_amount     the part that came (positive) or went (negative) with a unit that moved after the version was set
CREATE OR REPLACE MACRO targets.placed(as_of) AS TABLE
WITH children AS MATERIALIZED (
    SELECT *, coalesce(child_unit_id, child_rep_id) AS child_id FROM targets.children(as_of := as_of, every_version := true)
), plans AS MATERIALIZED (
    SELECT DISTINCT period, measure, version, set_at FROM targets.plan(as_of := as_of, every_version := true)
), strayed AS MATERIALIZED (
    SELECT period, measure, version, unit_id AS child_unit_id, also_parent_id, CASE WHEN moved_on > set_at::DATE THEN former_parent_id END AS former_parent_id
    FROM targets.trees(as_of := as_of) JOIN plans USING (period)
    WHERE also_parent_id IS NOT NULL OR former_parent_id IS NOT NULL
), homes AS (
    SELECT
        period, measure, version, child_rep_id, children.amount,
        coalesce(min(children.unit_id) FILTER (children.unit_id = reps.unit_id), min(children.unit_id)) AS home_id
    FROM children JOIN base.reps(as_of := as_of) AS reps ON reps.rep_id = child_rep_id
    GROUP BY ALL HAVING count(*) > 1
)
SELECT
    children.period, children.measure, children.version, children.unit_id, child_id, children.amount AS counted_amount,
    CASE WHEN children.unit_id <> home_id THEN children.amount ELSE 0 END AS double_amount,
    CASE WHEN former_parent_id IS NOT NULL THEN children.amount ELSE 0 END AS moved_amount
FROM children
LEFT JOIN homes ON homes.period = children.period AND homes.measure = children.measure AND homes.version = children.version
    AND homes.child_rep_id = children.child_rep_id AND homes.amount = children.amount
LEFT JOIN strayed ON strayed.period = children.period AND strayed.measure = children.measure AND strayed.version = children.version
    AND strayed.child_unit_id = children.child_unit_id
UNION ALL
SELECT period, measure, version, also_parent_id, child_id, amount, amount, 0
FROM children JOIN strayed USING (period, measure, version, child_unit_id) WHERE also_parent_id IS NOT NULL
UNION ALL
SELECT period, measure, version, former_parent_id, child_id, 0, 0, -amount
FROM children JOIN strayed USING (period, measure, version, child_unit_id) WHERE former_parent_id IS NOT NULL;

-- targets.changes_below: one row per period and unit with something below it that opened, closed or moved within the period.
--   n_opened, n_closed, n_moved   units below that began, ended, came from or went to another; reps hired, reps who left
CREATE OR REPLACE MACRO targets.changes_below(as_of) AS TABLE
WITH trees AS MATERIALIZED (
    FROM targets.trees(as_of := as_of)
), changes AS (
    SELECT period, parent_unit_id AS unit_id, is_opened::INTEGER AS opened, is_closed::INTEGER AS closed, (former_parent_id IS NOT NULL)::INTEGER AS moved
    FROM trees
    UNION ALL
    SELECT period, former_parent_id, 0, 0, 1 FROM trees WHERE former_parent_id IS NOT NULL
    UNION ALL
    SELECT
        period, unit_id, (hired_on > targets.period_start(period) AND hired_on < targets.period_end(period))::INTEGER,
        (left_on >= targets.period_start(period) AND left_on < targets.period_end(period))::INTEGER, 0
    FROM trees JOIN base.reps(as_of := as_of) AS reps USING (unit_id)
)
SELECT period, unit_id, coalesce(sum(opened), 0) AS n_opened, coalesce(sum(closed), 0) AS n_closed, sum(moved) AS n_moved
FROM changes
GROUP BY ALL
HAVING n_opened + n_closed + n_moved > 0;

-- targets.clean_edges: one row per unit and plan of every version: its gap in the steps by which decay_parts explains it.
--   children_amount   as the sheets count; then without what is counted twice and what moved (settled_amount); then in the unit's own
--                     unit of money (clean_amount)
CREATE OR REPLACE MACRO targets.clean_edges(as_of) AS TABLE
WITH edges AS MATERIALIZED (
    FROM targets.edges(as_of := as_of, every_version := true)
), sums AS (
    SELECT
        placed.period, placed.measure, placed.version, placed.unit_id, sum(counted_amount) AS children_amount,
        sum(double_amount) AS double_amount, sum(moved_amount) AS moved_amount,
        sum(counted_amount - double_amount - moved_amount) FILTER (edges.slip_factor IS NOT NULL AND coalesce(slip_child_id = child_id, true)) AS slipped_amount,
        any_value(slip_factor) AS slip_factor, any_value(slip_child_id) AS slip_child_id,
        any_value(smallest_amount) AS smallest_amount, any_value(n_blank_units) AS n_blank_units, any_value(rounding_amount) AS rounding_amount
    FROM targets.placed(as_of := as_of) AS placed
    LEFT JOIN edges USING (period, measure, version, unit_id)
    GROUP BY ALL
)
SELECT
    nodes.* EXCLUDE (amount), nodes.amount, sums.* EXCLUDE (period, measure, version, unit_id, slipped_amount, rounding_amount),
    children_amount - double_amount - moved_amount AS settled_amount,
    settled_amount - coalesce(slipped_amount - (slipped_amount * slip_factor)::DECIMAL(38, 2), 0) AS clean_amount,
    (rounding_amount * CASE WHEN slip_child_id IS NULL THEN coalesce(slip_factor, 1) ELSE 1 END)::DECIMAL(38, 2) AS rounding_amount
FROM targets.nodes(as_of := as_of, every_version := true) AS nodes
JOIN sums USING (period, measure, version, unit_id);

-- targets.decay_parts: one row per unit with something below it that carries a target, for every plan and version, and part of its gap;
--   and one per whole tree (level 'overall') and part: the sums over its units.
--   gap_amount    children_amount - amount as the sheets count, what is counted twice included; the parts of a unit sum to it exactly
--   part          double_counted | moved | unit_slip | revised | missing_level | rounding | not_assigned | hedge; NULL where nothing is wrong
--   part_amount   negative for what the children lack because of it; NULL where the unit has no target (part missing_level)
--   revised       what versions after the first one that has both sides did to the gap
CREATE OR REPLACE MACRO targets.decay_parts(as_of) AS TABLE
WITH edges AS MATERIALIZED (
    SELECT *, children_amount - amount AS gap_amount, clean_amount - amount AS clean_gap_amount
    FROM targets.clean_edges(as_of := as_of)
), started AS (
    SELECT
        *, first_value(clean_gap_amount IGNORE NULLS) OVER versions AS first_gap_amount, first_value(amount IGNORE NULLS) OVER versions AS first_amount,
        first_value(rounding_amount IGNORE NULLS) OVER versions AS first_rounding_amount,
        first_value(smallest_amount IGNORE NULLS) OVER versions AS first_smallest_amount,
        first_value(n_blank_units IGNORE NULLS) OVER versions AS n_first_blank_units
    FROM edges
    WINDOW versions AS (PARTITION BY period, measure, unit_id ORDER BY n_version ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
), kinds AS MATERIALIZED (
    SELECT *, CASE
        WHEN -first_gap_amount >= first_smallest_amount AND n_first_blank_units > 0 THEN 'missing_level'
        ELSE targets.finding(first_amount, first_amount + first_gap_amount, first_rounding_amount, true) END AS first_finding
    FROM started
), parts AS MATERIALIZED (
    SELECT period, measure, version, unit_id, 'double_counted' AS part, double_amount AS part_amount FROM kinds WHERE amount IS NOT NULL
    UNION ALL
    SELECT period, measure, version, unit_id, 'moved', moved_amount FROM kinds WHERE amount IS NOT NULL
    UNION ALL
    SELECT period, measure, version, unit_id, 'unit_slip', settled_amount - clean_amount FROM kinds WHERE amount IS NOT NULL
    UNION ALL
    SELECT period, measure, version, unit_id, 'revised', clean_gap_amount - first_gap_amount FROM kinds WHERE amount IS NOT NULL
    UNION ALL
    SELECT period, measure, version, unit_id, first_finding, first_gap_amount FROM kinds WHERE amount IS NOT NULL AND first_finding IS NOT NULL
), told AS (
    SELECT
        edges.* , parts.part, parts.part_amount
    FROM edges LEFT JOIN (FROM parts WHERE part_amount <> 0) AS parts USING (period, measure, version, unit_id)
), wholes AS (
    SELECT period, measure, version, top_id, sum(gap_amount) AS gap_amount, count(*) FILTER (gap_amount IS NOT NULL) AS n_edges FROM edges GROUP BY ALL
)
SELECT
    told.period, told.measure, told.version, unit_id, level, amount, children_amount::DECIMAL(38, 2) AS children_amount,
    gap_amount::DECIMAL(38, 2) AS gap_amount,
    CASE WHEN amount IS NULL THEN 'missing_level' ELSE part END AS part,
    CASE WHEN amount IS NOT NULL THEN coalesce(part_amount, 0) END::DECIMAL(38, 2) AS part_amount,
    name AS unit_name, depth, is_newest, n_version,
    coalesce(n_opened, 0)::BIGINT AS n_opened, coalesce(n_closed, 0)::BIGINT AS n_closed, coalesce(n_moved, 0)::BIGINT AS n_moved,
    CASE WHEN part = 'unit_slip' THEN slip_factor END AS slip_factor, CASE WHEN part = 'unit_slip' THEN slip_child_id END AS slip_child_id
FROM told
LEFT JOIN targets.changes_below(as_of := as_of) USING (period, unit_id)
UNION ALL
SELECT
    tops.period, tops.measure, tops.version, tops.unit_id, 'overall', tops.amount, (tops.amount + wholes.gap_amount)::DECIMAL(38, 2),
    wholes.gap_amount::DECIMAL(38, 2), summed.part, coalesce(summed.part_amount, 0)::DECIMAL(38, 2),
    tops.name, NULL, tops.is_newest, tops.n_version, NULL, NULL, NULL, NULL, NULL
FROM wholes
JOIN targets.nodes(as_of := as_of, every_version := true) AS tops ON tops.unit_id = wholes.top_id
    AND tops.period = wholes.period AND tops.measure = wholes.measure AND tops.version = wholes.version
LEFT JOIN (
    SELECT period, measure, version, top_id, part, sum(part_amount) AS part_amount FROM told WHERE part IS NOT NULL AND amount IS NOT NULL GROUP BY ALL HAVING sum(part_amount) <> 0
) AS summed ON summed.top_id = wholes.top_id
    AND summed.period = wholes.period AND summed.measure = wholes.measure AND summed.version = wholes.version
WHERE tops.amount IS NOT NULL AND wholes.n_edges > 0;
