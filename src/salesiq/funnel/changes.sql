-- funnel.deal_pairs: one row per deal that was open at `since`, is open at as_of, or began, closed or reopened in between.
--   *_before      as known at `since`, NULL for a deal that began later; *_now as known at as_of, NULL for one that the newest export no longer has
--   amount_before, amount_now   DECIMAL, 0 where no amount is known
--   is_in_before, is_in_now     whether the deal counted at that moment: open, and expected to close on a day of the period
--   is_closed     won or lost since, whatever it was before
--   is_entered    counts since: it began, was reopened, or came into the period (for a deal that closed: the day it closed)
--   starts_on, ends_on   the period, half-open; both NULL: every open deal counts
CREATE OR REPLACE MACRO funnel.deal_pairs(as_of, since, starts_on := NULL, ends_on := NULL) AS TABLE
WITH paired AS (
    SELECT
        coalesce(later.deal_id, earlier.deal_id) AS deal_id,
        earlier.status AS status_before, later.status AS status_now,
        earlier.stage AS stage_before, later.stage AS stage_now,
        earlier.owner_id AS owner_before, later.owner_id AS owner_now,
        earlier.expected_close_on AS close_before, later.expected_close_on AS close_now,
        coalesce(earlier.amount, 0) AS amount_before, coalesce(later.amount, 0) AS amount_now,
        coalesce(earlier.status = 'open', false) AS was_open, coalesce(later.status = 'open', false) AS is_open,
        coalesce(later.status <> 'open' AND later.status IS DISTINCT FROM earlier.status, false) AS is_closed,
        later.closed_at::DATE AS closed_on
    FROM (FROM base.deals(as_of := as_of) WHERE is_gone IS NOT TRUE) AS later
    FULL JOIN (FROM base.deals(as_of := since) WHERE is_gone IS NOT TRUE) AS earlier ON earlier.deal_id = later.deal_id
    WHERE earlier.status = 'open' OR later.status = 'open' OR (later.status <> 'open' AND later.status IS DISTINCT FROM earlier.status)
), counted AS (
    SELECT
        *,
        was_open AND coalesce(starts_on::DATE IS NULL OR (close_before >= starts_on::DATE AND close_before < ends_on::DATE), false) AS is_in_before,
        is_open AND coalesce(starts_on::DATE IS NULL OR (close_now >= starts_on::DATE AND close_now < ends_on::DATE), false) AS is_in_now,
        is_closed AND coalesce(starts_on::DATE IS NULL OR (closed_on >= starts_on::DATE AND closed_on < ends_on::DATE), false) AS is_closed_in
    FROM paired
)
SELECT * EXCLUDE (is_closed_in, closed_on), NOT is_in_before AND (is_in_now OR is_closed_in) AS is_entered
FROM counted;

-- funnel.changes: one row per deal and part of what happened to the open amount between `since` and as_of.
--   part      entered: 'new' | 'reopened' | 'pulled_in' (from a day after the period) | 'into_scope' (from another day, or none);
--             stayed: 'amount_up' | 'amount_down'; left: 'won' | 'lost' | 'pushed_out' (to a day after the period) |
--             'out_of_scope' | 'removed' (no longer in the exports);
--             moved while it counted, with no effect on the total: 'stage_forward' | 'stage_back' | 'postponed' |
--             'brought_forward' | 'owner_changed'
--   n_deals, amount   effect on the number of open deals and on their amount; over all rows they sum to the difference, exactly
--   *_before, *_now   as in funnel.deal_pairs
CREATE OR REPLACE MACRO funnel.changes(as_of, since, starts_on := NULL, ends_on := NULL) AS TABLE
WITH pairs AS MATERIALIZED (
    SELECT * FROM funnel.deal_pairs(as_of := as_of, since := since, starts_on := starts_on, ends_on := ends_on)
    WHERE is_in_before OR is_in_now OR is_entered
), stages AS (
    SELECT stage, position FROM base.stage_order(as_of := as_of)
), parts AS (
    SELECT
        deal_id,
        CASE WHEN status_before IS NULL THEN 'new'
             WHEN NOT was_open THEN 'reopened'
             WHEN close_before >= ends_on::DATE THEN 'pulled_in'
             ELSE 'into_scope' END AS part,
        1 AS n_deals, amount_now AS amount
    FROM pairs WHERE is_entered
    UNION ALL
    SELECT deal_id, if(amount_now > amount_before, 'amount_up', 'amount_down'), 0, amount_now - amount_before
    FROM pairs WHERE is_in_before AND (is_in_now OR is_closed) AND amount_now <> amount_before
    UNION ALL
    SELECT deal_id, status_now, -1, -amount_now
    FROM pairs WHERE is_closed
    UNION ALL
    SELECT
        deal_id,
        CASE WHEN status_now IS NULL THEN 'removed' WHEN close_now >= ends_on::DATE THEN 'pushed_out' ELSE 'out_of_scope' END,
        -1, -amount_before
    FROM pairs WHERE is_in_before AND NOT is_in_now AND NOT is_closed
    UNION ALL
    SELECT pairs.deal_id, if(later.position > earlier.position, 'stage_forward', 'stage_back'), 0, 0
    FROM pairs
    JOIN stages AS earlier ON earlier.stage = pairs.stage_before
    JOIN stages AS later ON later.stage = pairs.stage_now
    WHERE is_in_before AND is_in_now AND later.position <> earlier.position
    UNION ALL
    SELECT deal_id, if(close_now > close_before, 'postponed', 'brought_forward'), 0, 0
    FROM pairs WHERE is_in_before AND is_in_now AND close_now <> close_before
    UNION ALL
    SELECT deal_id, 'owner_changed', 0, 0
    FROM pairs WHERE is_in_before AND is_in_now AND owner_now IS DISTINCT FROM owner_before
)
SELECT
    parts.deal_id, parts.part, parts.n_deals::INTEGER AS n_deals, parts.amount::DECIMAL(18, 2) AS amount,
    pairs.amount_before, pairs.amount_now, pairs.stage_before, pairs.stage_now,
    pairs.owner_before, pairs.owner_now, pairs.close_before, pairs.close_now
FROM parts
JOIN pairs ON pairs.deal_id = parts.deal_id;
