-- quality.rep_faults: one row per rep and reason, of the records entered in the `days` days that end at as_of.
--   n_faults       the rep's records with this reason
--   fault_share    n_faults over the rep's records; company_share the same over all records of reps
CREATE OR REPLACE MACRO quality.rep_faults(as_of, days) AS TABLE
WITH records AS (
    SELECT rep_id, activity_id, reasons
    FROM quality.record_score(as_of := as_of)
    WHERE rep_id IS NOT NULL AND entered_at > as_of - to_days(days::INTEGER)
), totals AS (
    SELECT rep_id, count(*) AS n_records, sum(count(*)) OVER () AS n_company FROM records GROUP BY rep_id
), faults AS (
    SELECT rep_id, unnest(reasons) AS reason FROM records
), counted AS (
    SELECT rep_id, reason, count(*) AS n_faults, sum(count(*)) OVER (PARTITION BY reason) AS n_company_faults
    FROM faults
    GROUP BY rep_id, reason
)
SELECT rep_id, reason, n_faults, n_faults / n_records AS fault_share, n_company_faults / n_company AS company_share
FROM counted
JOIN totals USING (rep_id);

-- quality.silent_reps: one row per rep who holds open deals but entered no record in the `days` days that end at as_of.
--   deal_ids       the open deals, sorted
--   n_before       the rep's records in the rest of the `score_days` days that end at as_of
--   n_company      mean number of records of all reps with open deals in the `days` days, the silent ones counted
--   is_new         hired within the score_days
--   reps who left are no case; reps that are not in `reps` are, as their deals are
CREATE OR REPLACE MACRO quality.silent_reps(as_of, days, score_days) AS TABLE
WITH holders AS (
    SELECT owner_id AS rep_id, list(deal_id ORDER BY deal_id) AS deal_ids
    FROM base.deals(as_of := as_of)
    WHERE status = 'open' AND owner_id IS NOT NULL
    GROUP BY owner_id
), entries AS (
    SELECT rep_id, greatest(occurred_at, recorded_at) > as_of - to_days(days::INTEGER) AS is_recent
    FROM base.activities(as_of := as_of)
    WHERE rep_id IS NOT NULL
      AND greatest(occurred_at, recorded_at) > as_of - to_days(greatest(days, score_days)::INTEGER)
), counts AS (
    SELECT rep_id, count(*) FILTER (is_recent) AS n_records, count(*) FILTER (NOT is_recent) AS n_before
    FROM entries
    GROUP BY rep_id
), present AS (
    SELECT
        holders.rep_id, reps.name AS rep_name, holders.deal_ids,
        coalesce(counts.n_records, 0) AS n_records, coalesce(counts.n_before, 0) AS n_before,
        avg(coalesce(counts.n_records, 0)) OVER () AS n_company,
        coalesce(reps.hired_on > as_of::DATE - score_days::INTEGER, false) AS is_new
    FROM holders
    LEFT JOIN counts USING (rep_id)
    LEFT JOIN base.reps(as_of := as_of) AS reps USING (rep_id)
    WHERE reps.left_on IS NULL OR reps.left_on > as_of::DATE
)
SELECT rep_id, rep_name, deal_ids, n_before, n_company, is_new FROM present WHERE n_records = 0;
