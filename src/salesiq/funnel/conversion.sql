-- funnel.cases: one row per visit, with how it ended and what became of its deal; known at as_of.
--   is_first     whether it is the deal's first visit to the stage
--   exit, days   as in funnel.visits
--   outcome      'won' | 'lost' of the deal, by its last end; NULL while it is open
--   deal_days    DOUBLE >= 0, from the entry into the stage to that end, else to as_of
--   amount       of the deal as known at as_of; NULL where not known
CREATE OR REPLACE MACRO funnel.cases(as_of) AS TABLE
WITH visited AS MATERIALIZED (
    SELECT deal_id, stage, entered_at, left_at, exit, days FROM funnel.visits(as_of := as_of)
), ends AS (
    SELECT
        deal_id, bool_or(left_at IS NULL) AS is_open, max(left_at) AS ended_at,
        max(left_at) FILTER (exit = 'won') AS won_at, max(left_at) FILTER (exit = 'lost') AS lost_at
    FROM visited
    GROUP BY deal_id
)
SELECT
    visited.deal_id, visited.stage, visited.entered_at, visited.exit, visited.days,
    row_number() OVER (PARTITION BY visited.deal_id, visited.stage ORDER BY visited.entered_at, visited.left_at NULLS LAST) = 1 AS is_first,
    CASE WHEN ends.is_open THEN NULL
         WHEN won_at IS NOT NULL AND (lost_at IS NULL OR won_at >= lost_at) THEN 'won'
         WHEN lost_at IS NOT NULL THEN 'lost' END AS outcome,
    (epoch_us(if(ends.is_open, as_of, ends.ended_at)) - epoch_us(visited.entered_at)) / 86400e6 AS deal_days,
    deals.amount
FROM visited
JOIN ends ON ends.deal_id = visited.deal_id
LEFT JOIN base.deal_versions(as_of := as_of) AS deals ON deals.deal_id = visited.deal_id;

-- funnel.grouped_cases: funnel.cases with what deals can be grouped by.
CREATE OR REPLACE MACRO funnel.grouped_cases(as_of) AS TABLE
SELECT cases.*, deal_groups.* EXCLUDE (deal_id)
FROM funnel.cases(as_of := as_of) AS cases
LEFT JOIN base.deal_groups(as_of := as_of) AS deal_groups ON deal_groups.deal_id = cases.deal_id;
