-- funnel.waits: one row per visit that somebody could see waiting in the window [starts_at, ends_at), cut at its end.
--   starts_at, ends_at   TIMESTAMP; NULL: from the first visit, to as_of. ends_at must not be later than as_of
--   days        DOUBLE >= 0, calendar days from the entry to the exit, else to the window's end
--   entry_days  DOUBLE >= 0, how long the visit had gone on when the window began (left truncation); 0 where it began inside
--   is_left     whether the visit ended in the window; one that goes on is right-censored
--   exit        as in funnel.visits, NULL where not is_left
--   until_at    TIMESTAMP, the exit, else the window's end
CREATE OR REPLACE MACRO funnel.waits(as_of, starts_at := NULL, ends_at := NULL) AS TABLE
WITH seen AS (
    SELECT
        deal_id, stage, entered_at,
        coalesce(ends_at::TIMESTAMP, as_of) AS cut_at,
        left_at IS NOT NULL AND (ends_at::TIMESTAMP IS NULL OR left_at < ends_at::TIMESTAMP) AS is_left,
        CASE WHEN left_at < ends_at::TIMESTAMP OR ends_at::TIMESTAMP IS NULL THEN exit END AS exit,
        left_at
    FROM funnel.visits(as_of := as_of)
    WHERE (starts_at::TIMESTAMP IS NULL OR left_at IS NULL OR left_at >= starts_at::TIMESTAMP)
        AND (ends_at::TIMESTAMP IS NULL OR entered_at < ends_at::TIMESTAMP)
), ended AS (
    SELECT *, if(is_left, left_at, cut_at) AS until_at FROM seen
)
SELECT
    deal_id, stage, entered_at, until_at, is_left, exit,
    (epoch_us(until_at) - epoch_us(entered_at)) / 86400e6 AS days,
    CASE WHEN entered_at < starts_at::TIMESTAMP THEN (epoch_us(starts_at::TIMESTAMP) - epoch_us(entered_at)) / 86400e6
         ELSE 0.0 END AS entry_days
FROM ended;

-- funnel.stays: funnel.waits with what deals can be grouped by.
--   deals without a row in `deals` are kept, with NULL in every other group column; `status` is none of them: what became of a deal says how long it waited
CREATE OR REPLACE MACRO funnel.stays(as_of, starts_at := NULL, ends_at := NULL) AS TABLE
SELECT waits.*, deal_groups.* EXCLUDE (deal_id)
FROM funnel.waits(as_of := as_of, starts_at := starts_at, ends_at := ends_at) AS waits
LEFT JOIN base.deal_groups(as_of := as_of) AS deal_groups ON deal_groups.deal_id = waits.deal_id;
