-- quality.rep_sums: one row per rep with records entered in the `days` days that end at as_of, to estimate from.
--   sum_score, sum_square   exact decimal sums over the records' scores
--   n_timed                 records whose timeliness can be told; n_timely those entered within 2 h
--   n_complete              records with all four fields; n_verifiable those with a time and a deliverable
--   records without a rep are left out; rep_name NULL where the rep is not in `reps`
CREATE OR REPLACE MACRO quality.rep_sums(as_of, days) AS TABLE
WITH sums AS (
    SELECT
        rep_id, count(*) AS n_records,
        sum(score::DECIMAL(9, 1)) AS sum_score,
        sum(score::DECIMAL(9, 1) * score::DECIMAL(9, 1)) AS sum_square,
        count(timeliness) AS n_timed,
        count(*) FILTER (entry_hours <= quality.points().prompt_hours) AS n_timely,
        count(*) FILTER (completeness = 40) AS n_complete,
        count(*) FILTER (verifiability = 30) AS n_verifiable
    FROM quality.record_score(as_of := as_of)
    WHERE rep_id IS NOT NULL AND entered_at > as_of - to_days(days::INTEGER)
    GROUP BY rep_id
)
SELECT sums.*, reps.name AS rep_name
FROM sums
LEFT JOIN base.reps(as_of := as_of) AS reps USING (rep_id);
