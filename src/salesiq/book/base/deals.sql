-- base.deals: one row per deal that existed at as_of, with every attribute as it was known then.
--   stage, status, closed_at, lost_reason   rebuilt from stage events newer than the stored version, and from the closing date
--   created_at    moment the deal began; NULL where no export says it
--   is_hindsight  true where the attributes other than stage, status and dates were only known after as_of
--   is_gone       true where the newest export no longer has the deal; nothing is deleted
CREATE OR REPLACE MACRO base.deals(as_of) AS TABLE
WITH stages AS MATERIALIZED (
    SELECT stage, is_won, is_lost, row_number() OVER (ORDER BY coalesce(position, 0), stage) AS place
    FROM base.stage_order(as_of := as_of)
), newest AS (
    -- the newest event, and of several at one moment the last of the process, in one number: comparing rows takes four times as long
    SELECT deal_id, max(entered_at) AS moved_at, max(epoch_us(entered_at)::HUGEINT * 4294967296 + stages.place) AS mark
    FROM base.stage_events(as_of := as_of)
    JOIN stages USING (stage)
    GROUP BY deal_id
), last_events AS (
    SELECT deal_id, moved_at, stage, is_won, is_lost
    FROM newest
    JOIN stages ON stages.place = (mark - epoch_us(moved_at)::HUGEINT * 4294967296)::BIGINT
), marked AS (
    SELECT
        versions.* EXCLUDE (stage, status, closed_at, lost_reason),
        versions.stage AS stored_stage,
        coalesce(versions.status, CASE WHEN versions.closed_at IS NULL THEN 'open' END) AS stored_status,
        versions.closed_at AS stored_closed_at,
        versions.lost_reason AS stored_lost_reason,
        last_events.stage AS moved_stage,
        last_events.moved_at,
        CASE WHEN last_events.is_won THEN 'won' WHEN last_events.is_lost THEN 'lost' ELSE 'open' END AS moved_status,
        -- the stored version speaks unless it was only known later, or a stage event is newer than it
        NOT versions.is_hindsight AND coalesce(last_events.moved_at <= versions.known_from, true) AS is_stored,
        versions.closed_at <= as_of AND coalesce(last_events.moved_at <= versions.closed_at, true) AS is_closed_by_date
    FROM base.deal_versions(as_of := as_of) AS versions
    LEFT JOIN last_events USING (deal_id)
)
SELECT
    deal_id, customer_id, owner_id, name, amount, currency, product_line, margin_share, source, is_new_customer,
    created_at, expected_close_on,
    CASE WHEN is_stored OR (is_closed_by_date AND moved_status = 'open') THEN coalesce(stored_stage, moved_stage)
         ELSE moved_stage END AS stage,
    CASE WHEN is_stored OR (is_closed_by_date AND moved_status = 'open') THEN coalesce(stored_status, 'open')
         ELSE moved_status END AS status,
    CASE WHEN is_stored AND stored_status IN ('won', 'lost') THEN coalesce(stored_closed_at, moved_at)
         WHEN is_stored THEN NULL
         WHEN moved_status <> 'open' THEN moved_at
         WHEN is_closed_by_date THEN stored_closed_at END AS closed_at,
    CASE WHEN is_stored OR stored_closed_at <= as_of THEN stored_lost_reason END AS lost_reason,
    is_hindsight, is_gone, known_from, source_file, source_line, load_id
FROM marked;
