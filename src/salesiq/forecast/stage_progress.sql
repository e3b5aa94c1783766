-- forecast.stage_progress: one row per deal with visits, with how it came where it is, as known at as_of.
--   n_visits, n_moves_back   visits to stages; those that ended in an earlier stage
--   first_at, stage_at       entry into the first visit, and into the one that goes on (NULL where none does)
--   stage_rank               0..1, share of the finished visits of that stage that took no longer than this one so far; finished by
--                            whatever exit, by as_of; NULL while the stage has none
CREATE OR REPLACE MACRO forecast.stage_progress(as_of) AS TABLE
WITH visits AS (
    SELECT
        deal_id, entered_at, left_at, exit,
        count(left_at) OVER (PARTITION BY stage ORDER BY days) AS n_no_longer,
        count(left_at) OVER (PARTITION BY stage) AS n_finished
    FROM funnel.visits(as_of := as_of)
)
SELECT
    deal_id, count(*) AS n_visits, count(*) FILTER (exit = 'regressed') AS n_moves_back,
    min(entered_at) AS first_at, max(entered_at) FILTER (left_at IS NULL) AS stage_at,
    max(n_no_longer / nullif(n_finished, 0)) FILTER (left_at IS NULL) AS stage_rank
FROM visits
GROUP BY deal_id;
