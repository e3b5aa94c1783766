-- funnel.visits: one row per visit of a deal to a stage, known at as_of. Terminal stages are no visits.
--   entered_at when the deal entered the stage; events that repeat the stage the deal is in do not start a new visit
--   left_at    when the deal left the stage; NULL while it is still there (right-censored at as_of)
--   exit       'advanced' | 'regressed' | 'won' | 'lost' | NULL while open
--   days       DOUBLE >= 0, calendar days to left_at, else to as_of
--   Events of one deal at one moment count in the order of the process. A deal that was closed without a terminal event
--   leaves its last stage at closed_at. A deal that was reopened visits again.
CREATE OR REPLACE MACRO funnel.visits(as_of) AS TABLE
WITH stages AS MATERIALIZED (
    SELECT stage, position, is_won, is_lost FROM base.stage_order(as_of := as_of)
), ordered AS (
    SELECT
        events.deal_id, events.stage, events.entered_at, stages.position,
        stages.is_won OR stages.is_lost AS is_terminal,
        lag(events.stage) OVER moves AS previous_stage
    FROM base.stage_events(as_of := as_of) AS events
    JOIN stages USING (stage)
    WINDOW moves AS (PARTITION BY events.deal_id ORDER BY events.entered_at, stages.position, events.stage)
), moved AS (
    SELECT
        deal_id, stage, entered_at, position, is_terminal,
        lead(entered_at) OVER moves AS next_at,
        lead(stage) OVER moves AS next_stage
    FROM ordered
    WHERE previous_stage IS DISTINCT FROM stage
    WINDOW moves AS (PARTITION BY deal_id ORDER BY entered_at, position, stage)
), ended AS (
    SELECT
        moved.deal_id, moved.stage, moved.entered_at,
        CASE WHEN moved.next_at IS NOT NULL THEN moved.next_at
             WHEN closings.deal_id IS NOT NULL THEN greatest(closings.closed_at, moved.entered_at) END AS left_at,
        CASE WHEN next_stages.is_won THEN 'won'
             WHEN next_stages.is_lost THEN 'lost'
             WHEN next_stages.position > moved.position THEN 'advanced'
             WHEN moved.next_at IS NOT NULL THEN 'regressed'
             ELSE closings.status END AS exit
    FROM moved
    LEFT JOIN stages AS next_stages ON next_stages.stage = moved.next_stage
    -- the same rule as base.deals: the stored version closes the deal unless an event is newer than it
    LEFT JOIN base.closings(as_of := as_of) AS closings
        ON closings.deal_id = moved.deal_id AND moved.next_at IS NULL
        AND (moved.entered_at <= closings.closed_at OR (NOT closings.is_hindsight AND moved.entered_at <= closings.known_from))
    WHERE NOT moved.is_terminal
)
SELECT
    deal_id, stage, entered_at, left_at, exit,
    (epoch_us(coalesce(left_at, as_of)) - epoch_us(entered_at)) / 86400e6 AS days
FROM ended;
