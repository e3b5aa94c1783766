-- base.units: one row per unit of the organisation that stood at as_of.
--   depth   0 for a unit whose parent is null or unknown, one more for each step down; a unit in a cycle has no row
CREATE OR REPLACE MACRO base.units(as_of) AS TABLE
WITH RECURSIVE standing AS (
    SELECT unit_id, arg_max(struct_pack(parent_unit_id := parent_unit_id, level := level, name := name), coalesce(valid_from, DATE '1900-01-01')) AS unit
    FROM base.org_units(as_of := as_of)
    WHERE coalesce(valid_from, DATE '1900-01-01') <= as_of AND (valid_to IS NULL OR valid_to > as_of)
    GROUP BY unit_id
), flat AS (
    SELECT unit_id, unit.parent_unit_id AS parent_unit_id, unit.level AS level, unit.name AS name FROM standing
), tree AS (
    SELECT *, 0 AS depth FROM flat
    WHERE parent_unit_id IS NULL OR parent_unit_id NOT IN (SELECT unit_id FROM flat)
    UNION ALL
    SELECT flat.*, tree.depth + 1 FROM flat JOIN tree ON flat.parent_unit_id = tree.unit_id
)
SELECT unit_id, parent_unit_id, level, name, depth FROM tree;
