-- targets.children: one row per unit or rep that stands below a unit and carries a target, for every plan.
--   unit_id         the unit above
--   child_unit_id, child_rep_id   one of them is set
--   amount          the child's target; for a unit without one the sum of the targets next below it (is_stand_in)
CREATE OR REPLACE MACRO targets.children(as_of, every_version := false) AS TABLE
WITH RECURSIVE nodes AS MATERIALIZED (
    FROM targets.nodes(as_of := as_of, every_version := every_version)
), carriers AS MATERIALIZED (
    SELECT period, measure, version, parent_unit_id AS unit_id, unit_id AS child_unit_id, NULL::VARCHAR AS child_rep_id, amount
    FROM nodes
    WHERE amount IS NOT NULL
    UNION ALL
    SELECT period, measure, version, unit_id, NULL::VARCHAR, rep_id, amount FROM targets.plan(as_of := as_of, every_version := every_version) WHERE rep_id IS NOT NULL
), blanks AS (
    -- every unit without a target, with the units below it down to the first that has one
    SELECT period, measure, version, parent_unit_id, unit_id AS top_id, unit_id FROM nodes WHERE amount IS NULL
    UNION ALL
    SELECT blanks.period, blanks.measure, blanks.version, blanks.parent_unit_id, blanks.top_id, nodes.unit_id
    FROM blanks
    JOIN nodes ON nodes.parent_unit_id = blanks.unit_id
        AND nodes.period = blanks.period AND nodes.measure = blanks.measure AND nodes.version = blanks.version
    WHERE nodes.amount IS NULL
), stand_ins AS (
    SELECT blanks.period, blanks.measure, blanks.version, blanks.parent_unit_id, blanks.top_id, sum(carriers.amount) AS amount
    FROM blanks
    JOIN carriers USING (period, measure, version, unit_id)
    GROUP BY ALL
)
SELECT *, false AS is_stand_in FROM carriers WHERE unit_id IS NOT NULL
UNION ALL
SELECT period, measure, version, parent_unit_id, top_id, NULL::VARCHAR, amount::DECIMAL(38, 2), true FROM stand_ins WHERE parent_unit_id IS NOT NULL;

-- targets.edges: one row per unit with something below it that carries a target, for every plan: the unit against its children.
--   n_children       children with a target, or with one below them; n_blank: children without, reps who left not counted
--   rounding_amount  a gap that rounding off, up or down, explains stays below it: n_children times the step of all their amounts,
--                    the largest of 1, 5, 10, 50 ... yuan that divides each
--   slip_factor      what the children (or slip_child_id alone) must be multiplied by to be in the unit's own unit of money; else NULL
CREATE OR REPLACE MACRO targets.edges(as_of, every_version := false) AS TABLE
WITH children AS MATERIALIZED (
    SELECT *, coalesce(child_unit_id, child_rep_id) AS child_id, (abs(amount) * 100)::DECIMAL(38, 0)::VARCHAR AS cents
    FROM targets.children(as_of := as_of, every_version := every_version)
), nodes AS MATERIALIZED (
    SELECT *, count(amount) OVER (PARTITION BY period, measure, version) > 0 AS has_units FROM targets.nodes(as_of := as_of, every_version := every_version)
), members AS (
    SELECT period, parent_unit_id AS unit_id, count(*) AS n_members, count(*) AS n_units
    FROM targets.trees(as_of := as_of) WHERE depth > 0 AND NOT is_closed GROUP BY ALL
    UNION ALL
    SELECT trees.period, reps.unit_id, count(*), 0
    FROM base.reps(as_of := as_of) AS reps JOIN targets.trees(as_of := as_of) AS trees USING (unit_id)
    WHERE left_on IS NULL GROUP BY ALL
), sums AS (
    SELECT
        period, measure, version, unit_id, sum(amount)::DECIMAL(38, 2) AS children_amount, count(*) AS n_children,
        count(child_unit_id) AS n_child_units, median(amount)::DOUBLE AS median_amount, min(amount) AS smallest_amount,
        -- each of 1, 5, 10, 50 ... divides the next, so the smallest step of any amount is the step of all
        min(CASE WHEN amount <> 0 THEN
            pow(10, length(cents) - length(rtrim(cents, '0')) - 2) * CASE WHEN rtrim(cents, '0') LIKE '%5' THEN 5 ELSE 1 END
        END) AS step
    FROM children
    GROUP BY ALL
), edges AS MATERIALIZED (
    SELECT
        nodes.period, nodes.measure, nodes.version, nodes.unit_id, nodes.parent_unit_id, nodes.level, nodes.name, nodes.depth, nodes.amount,
        nodes.has_units,
        sums.* EXCLUDE (period, measure, version, unit_id, step),
        coalesce(sizes.n_members, 0) AS n_members,
        greatest(coalesce(sizes.n_units, 0) - n_child_units, 0) AS n_blank_units,
        children_amount - nodes.amount AS gap_amount,
        (n_children * step)::DECIMAL(38, 2) AS rounding_amount
    FROM nodes
    JOIN sums USING (period, measure, version, unit_id)
    LEFT JOIN (SELECT period, unit_id, sum(n_members) AS n_members, sum(n_units) AS n_units FROM members GROUP BY ALL) AS sizes USING (period, unit_id)
), factors AS (
    SELECT unnest([1, -1, 2, -2, 3, -3, 4, -4, 8, -8]) AS power
), slips AS (
    -- all children in another unit of money; where most of the unit has no target yet, a tenth may be all that is assigned so far
    SELECT period, measure, version, unit_id, pow(10, power) AS factor, NULL::VARCHAR AS child_id, 0::DOUBLE AS distance
    FROM edges CROSS JOIN factors
    WHERE amount > 0 AND children_amount > 0 AND 2 * n_children > n_members
        AND abs(children_amount::DOUBLE * pow(10, power) / amount::DOUBLE - 1) <= 0.2
    UNION ALL
    -- one child alone: moved by the factor it is like its siblings, and the gap closes
    SELECT period, measure, version, edges.unit_id, pow(10, power), child_id,
        abs(gap_amount::DOUBLE + children.amount::DOUBLE * (pow(10, power) - 1)) AS distance
    FROM edges JOIN children USING (period, measure, version, unit_id) CROSS JOIN factors
    WHERE edges.amount > 0 AND children.amount > 0 AND n_children >= 3 AND abs(gap_amount) > rounding_amount
        AND abs(ln(children.amount::DOUBLE / median_amount)) > ln(3) AND median_amount > 0
        AND abs(ln(children.amount::DOUBLE * pow(10, power) / median_amount)) <= ln(3)
        AND distance <= greatest(rounding_amount::DOUBLE * greatest(pow(10, power), 1), 0.01 * edges.amount::DOUBLE)
), slipped AS (
    SELECT period, measure, version, unit_id, arg_min(struct_pack(factor, child_id), (distance, factor, child_id)) AS slip
    FROM slips GROUP BY ALL
)
SELECT
    edges.* EXCLUDE (n_child_units, n_members, median_amount), greatest(n_members - n_children, 0)::BIGINT AS n_blank,
    children_amount::DOUBLE / nullif(edges.amount, 0)::DOUBLE AS retained_share, slip.factor AS slip_factor, slip.child_id AS slip_child_id
FROM edges
LEFT JOIN slipped USING (period, measure, version, unit_id);

-- targets.finding: what a gap between a target and what stands below it is called; NULL where there is none.
--   has_units   whether any unit has a target in this plan: a measure planned for reps alone has no level that could be missing
CREATE OR REPLACE MACRO targets.finding(amount, below_amount, rounding_amount, has_units) AS
CASE WHEN NOT has_units THEN NULL
     WHEN amount IS NULL OR below_amount IS NULL THEN 'missing_level'
     WHEN below_amount = amount THEN NULL
     WHEN abs(below_amount - amount) < rounding_amount AND abs(below_amount - amount) <= 0.01 * abs(amount) THEN 'rounding'
     WHEN below_amount < amount THEN 'not_assigned'
     ELSE 'hedge' END;

-- targets.decay: one row per edge from a unit to its children, and one for each whole tree (level 'overall', unit_id its top).
--   amount           the unit's own target; NULL where it has none
--   children_amount  sum of the children's targets; overall: what is left at the bottom, a branch whose children slipped by a
--                    unit of money counted at the last level before the slip; NULL where nothing stands below
--   gap_amount       children_amount - amount: negative is lost on the way down
--   retained_share   children_amount / amount; NULL for a target of zero or none
--   cumulative_share product of the retained shares from the top down to this edge; overall: retained_share
--   finding          unit_slip | missing_level | not_assigned | hedge | rounding | NULL where the sums agree
CREATE OR REPLACE MACRO targets.decay(as_of) AS TABLE
WITH RECURSIVE edges AS MATERIALIZED (
    FROM targets.edges(as_of := as_of)
), children AS MATERIALIZED (
    FROM targets.children(as_of := as_of)
), paths AS (
    SELECT edges.*, unit_id AS top_id, retained_share AS cumulative_share FROM edges WHERE parent_unit_id IS NULL
    UNION ALL
    SELECT edges.*, paths.top_id, paths.cumulative_share * edges.retained_share
    FROM paths
    JOIN edges ON edges.parent_unit_id = paths.unit_id
        AND edges.period = paths.period AND edges.measure = paths.measure AND edges.version = paths.version
), walked AS (
    -- down every branch, until nothing stands below or the level below is in another unit of money
    SELECT period, measure, version, unit_id AS top_id, unit_id, amount, false AS is_end
    FROM targets.nodes(as_of := as_of)
    WHERE parent_unit_id IS NULL
    UNION ALL
    SELECT
        walked.period, walked.measure, walked.version, walked.top_id, children.child_unit_id,
        CASE WHEN is_slip THEN (children.amount * slip_factor)::DECIMAL(38, 2) ELSE children.amount END,
        children.child_unit_id IS NULL OR is_slip
    FROM walked
    JOIN edges ON NOT walked.is_end AND edges.unit_id = walked.unit_id
        AND edges.period = walked.period AND edges.measure = walked.measure AND edges.version = walked.version
        AND (edges.slip_factor IS NULL OR edges.slip_child_id IS NOT NULL)
    JOIN (SELECT *, coalesce(child_unit_id, child_rep_id) AS child_id FROM children) AS children
        ON children.unit_id = edges.unit_id
        AND children.period = edges.period AND children.measure = edges.measure AND children.version = edges.version
    CROSS JOIN LATERAL (SELECT coalesce(children.child_id = edges.slip_child_id, false) AS is_slip)
), bottoms AS (
    SELECT walked.period, walked.measure, walked.version, top_id, sum(walked.amount)::DECIMAL(38, 2) AS amount
    FROM walked
    LEFT JOIN edges USING (period, measure, version, unit_id)
    WHERE is_end OR edges.unit_id IS NULL OR (slip_factor IS NOT NULL AND slip_child_id IS NULL)
    GROUP BY ALL
), trees AS (
    SELECT period, measure, version, top_id, sum(rounding_amount) AS rounding_amount, count(*) AS n_edges FROM paths GROUP BY ALL
)
SELECT
    period, measure, version, unit_id, level, amount, children_amount, gap_amount, retained_share, cumulative_share,
    CASE WHEN slip_factor IS NOT NULL THEN 'unit_slip'
         WHEN -gap_amount >= smallest_amount AND n_blank_units > 0 THEN 'missing_level'
         ELSE targets.finding(amount, children_amount, rounding_amount, has_units) END AS finding,
    name AS unit_name, depth, n_children, n_blank, slip_factor, slip_child_id
FROM paths
UNION ALL
SELECT
    nodes.period, nodes.measure, nodes.version, nodes.unit_id, 'overall', nodes.amount, below.amount, below.amount - nodes.amount,
    below.amount::DOUBLE / nullif(nodes.amount, 0)::DOUBLE AS share, share,
    CASE WHEN tops.slip_factor IS NOT NULL AND tops.slip_child_id IS NULL THEN 'unit_slip'
         ELSE targets.finding(nodes.amount, below.amount, trees.rounding_amount, nodes.has_units) END,
    nodes.name, NULL, tops.n_children, tops.n_blank, NULL, NULL
FROM (
    SELECT *, count(amount) OVER (PARTITION BY period, measure, version) > 0 AS has_units FROM targets.nodes(as_of := as_of)
) AS nodes
LEFT JOIN trees ON trees.top_id = nodes.unit_id
    AND trees.period = nodes.period AND trees.measure = nodes.measure AND trees.version = nodes.version
LEFT JOIN bottoms AS below ON below.top_id = trees.top_id
    AND below.period = trees.period AND below.measure = trees.measure AND below.version = trees.version
LEFT JOIN edges AS tops ON tops.unit_id = nodes.unit_id
    AND tops.period = nodes.period AND tops.measure = nodes.measure AND tops.version = nodes.version
WHERE nodes.parent_unit_id IS NULL AND (nodes.amount IS NOT NULL OR trees.n_edges > 0);
