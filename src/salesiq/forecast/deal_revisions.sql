-- forecast.deal_revisions: one row per deal of which attributes were known at as_of, with how these had been changed by then.
--   n_pushes             times that an export told a later expected day than the one told before
--   push_days            whole days, the sum of these; days brought forward do not count against it
--   n_amount_changes     times that an export told another amount
--   amount_growth        ln(newest / first amount told): above 0 it grew; NULL where either is missing or not above 0
--   Told means by an export of that time, never by a later one: what happened between two exports is seen as one change.
CREATE OR REPLACE MACRO forecast.deal_revisions(as_of) AS TABLE
WITH told AS (
    SELECT
        deal_id, amount, expected_close_on, known_from,
        -- an export that leaves a field empty takes nothing back
        lag(amount IGNORE NULLS) OVER versions AS amount_before,
        lag(expected_close_on IGNORE NULLS) OVER versions AS close_before
    FROM base.deal_history(as_of := as_of)
    WINDOW versions AS (PARTITION BY deal_id ORDER BY known_from)
)
SELECT
    deal_id,
    count(*) FILTER (expected_close_on > close_before) AS n_pushes,
    coalesce(sum(date_diff('day', close_before, expected_close_on)) FILTER (expected_close_on > close_before), 0)::BIGINT AS push_days,
    count(*) FILTER (amount <> amount_before) AS n_amount_changes,
    ln(nullif(greatest(arg_max(amount, known_from), 0), 0)::DOUBLE / nullif(greatest(arg_min(amount, known_from), 0), 0)::DOUBLE) AS amount_growth
FROM told
GROUP BY deal_id;
