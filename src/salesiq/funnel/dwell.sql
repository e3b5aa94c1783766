-- funnel.stays: one row per visit that dwell counts, with what deals can be grouped by.
--   days      DOUBLE >= 0, to the exit, else to as_of
--   is_left   whether the visit ended; a visit that goes on is right-censored
--   deals without a row in `deals` are kept, with NULL in every other segment column
CREATE OR REPLACE MACRO funnel.stays(as_of) AS TABLE
SELECT visits.stage, visits.days, visits.left_at IS NOT NULL AS is_left, visits.deal_id, segments.* EXCLUDE (deal_id, stage)
FROM funnel.visits(as_of := as_of) AS visits
LEFT JOIN base.segments(as_of := as_of) AS segments ON segments.deal_id = visits.deal_id;
