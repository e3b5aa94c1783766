-- forecast.features: one row per deal that was open at as_of, with what could be known of it then.
--   rep_id            the owner where that was known, else the rep of the newest activity; NULL where nobody is known
--   age_days          DOUBLE >= 0, since the deal began (creation or first stage event)
--   stage_days        DOUBLE >= 0, in the stage that it is in; NULL without stage events
--   days_since_*      DOUBLE >= 0; NULL where it never happened
--   complete_share    0..1, of three fields (pain point, fit, next step with its time) filled over the activities of 90 days; NULL without any
--   rep_win_share     0..1, won among the rep's deals closed by as_of, shrunk towards everybody's by 10 deals; NULL while nothing has closed
--   everybody_win_share  0..1, won among all deals closed by as_of; NULL while nothing has closed
--   days_to_quarter_end  1..92, whole days left in the calendar quarter, today included
--   amount, tier, is_new_customer, source, product_line, days_to_expected_close   NULL where they were only known after as_of
CREATE OR REPLACE MACRO forecast.features(as_of) AS TABLE
WITH deals AS MATERIALIZED (
    SELECT deal_id, status, created_at, stage, is_hindsight,
        CASE WHEN NOT is_hindsight THEN owner_id END AS owner_id,
        CASE WHEN NOT is_hindsight THEN customer_id END AS customer_id,
        CASE WHEN NOT is_hindsight THEN amount END AS amount,
        CASE WHEN NOT is_hindsight THEN is_new_customer END AS is_new_customer,
        CASE WHEN NOT is_hindsight THEN source END AS source,
        CASE WHEN NOT is_hindsight THEN product_line END AS product_line,
        CASE WHEN NOT is_hindsight THEN expected_close_on END AS expected_close_on
    FROM base.deals(as_of := as_of)
), offered AS (
    SELECT deal_id FROM deals WHERE status = 'open'
), visited AS (
    SELECT deal_id, count(*) AS n_visits, count(*) FILTER (exit = 'regressed') AS n_moves_back,
        min(entered_at) AS first_at, max(entered_at) FILTER (left_at IS NULL) AS stage_at
    FROM funnel.visits(as_of := as_of)
    SEMI JOIN offered USING (deal_id)
    GROUP BY deal_id
), acted AS (
    SELECT deal_id,
        count(*) FILTER (occurred_at > as_of - INTERVAL 14 DAY) AS n_activities_14,
        count(*) FILTER (occurred_at > as_of - INTERVAL 30 DAY) AS n_activities_30,
        count(*) FILTER (occurred_at > as_of - INTERVAL 90 DAY) AS n_activities_90,
        count(*) FILTER (occurred_at > as_of - INTERVAL 14 DAY AND direction = 'inbound') AS n_inbound_14,
        count(*) FILTER (occurred_at > as_of - INTERVAL 30 DAY AND direction = 'inbound') AS n_inbound_30,
        count(*) AS n_activities, count(*) FILTER (direction = 'inbound') AS n_inbound,
        max(occurred_at) AS activity_at,
        max(occurred_at) FILTER (direction = 'inbound') AS inbound_at,
        max(next_step_due_at) AS next_step_due_at,
        -- counted in whole fields: a sum of fractions would depend on the order of rows
        sum((coalesce(trim(pain_point), '') <> '')::INT + (coalesce(trim(solution_fit), '') <> '')::INT
            + (coalesce(trim(next_step), '') <> '' AND next_step_due_at IS NOT NULL)::INT)
            FILTER (occurred_at > as_of - INTERVAL 90 DAY) AS n_fields_90
    FROM base.activities(as_of := as_of)
    SEMI JOIN offered USING (deal_id)
    GROUP BY deal_id
), active_reps AS (
    -- who holds a deal whose owner is not known: the rep of the newest activity, told by one maximum so that ties have one answer
    SELECT deal_id, max(struct_pack(occurred_at, rep_id)).rep_id AS rep_id
    FROM base.activities(as_of := as_of)
    SEMI JOIN (SELECT deal_id FROM deals WHERE owner_id IS NULL) USING (deal_id)
    WHERE rep_id IS NOT NULL
    GROUP BY deal_id
), sent AS (
    SELECT deal_id, count(*) AS n_documents, count(opened_at) AS n_documents_opened,
        coalesce(max(sent_at) = max(sent_at) FILTER (opened_at IS NOT NULL), false) AS is_newest_opened
    FROM base.documents(as_of := as_of)
    SEMI JOIN offered USING (deal_id)
    GROUP BY deal_id
), owned AS MATERIALIZED (
    SELECT deals.*, coalesce(deals.owner_id, active_reps.rep_id) AS rep_id
    FROM deals LEFT JOIN active_reps USING (deal_id)
), overall AS (
    SELECT count(*) FILTER (status = 'won') / nullif(count(*), 0) AS win_share FROM deals WHERE status <> 'open'
), records AS (
    SELECT rep_id, count(*) FILTER (status = 'won') AS n_won, count(*) AS n_closed
    FROM owned WHERE status <> 'open' AND rep_id IS NOT NULL
    GROUP BY rep_id
), tiers AS (
    SELECT customer_id, tier FROM base.customers(as_of := as_of) WHERE NOT is_hindsight
)
SELECT
    owned.deal_id, owned.rep_id, owned.stage, stages.position AS stage_position,
    (epoch_us(as_of) - epoch_us(coalesce(least(owned.created_at, visited.first_at), as_of))) / 86400e6 AS age_days,
    (epoch_us(as_of) - epoch_us(visited.stage_at)) / 86400e6 AS stage_days,
    coalesce(visited.n_visits, 0) AS n_visits, coalesce(visited.n_moves_back, 0) AS n_moves_back,
    coalesce(n_activities_14, 0) AS n_activities_14, coalesce(n_activities_30, 0) AS n_activities_30,
    coalesce(n_activities_90, 0) AS n_activities_90, coalesce(n_activities, 0) AS n_activities, coalesce(n_inbound, 0) AS n_inbound,
    coalesce(n_inbound_14, 0) AS n_inbound_14, coalesce(n_inbound_30, 0) AS n_inbound_30,
    (epoch_us(as_of) - epoch_us(activity_at)) / 86400e6 AS days_since_activity,
    (epoch_us(as_of) - epoch_us(inbound_at)) / 86400e6 AS days_since_inbound,
    coalesce(sent.n_documents, 0) AS n_documents, coalesce(sent.n_documents_opened, 0) AS n_documents_opened,
    coalesce(sent.is_newest_opened, false) AS is_newest_opened,
    n_fields_90 / nullif(3.0 * n_activities_90, 0) AS complete_share,
    coalesce(acted.next_step_due_at > as_of, false) AS is_next_step_ahead,
    coalesce(acted.next_step_due_at <= as_of AND acted.activity_at < acted.next_step_due_at, false) AS is_next_step_overdue,
    (coalesce(records.n_won, 0) + 10 * overall.win_share) / (coalesce(records.n_closed, 0) + 10) AS rep_win_share,
    overall.win_share AS everybody_win_share,
    date_diff('day', as_of::DATE, (date_trunc('quarter', as_of) + INTERVAL 3 MONTH)::DATE) AS days_to_quarter_end,
    owned.amount, tiers.tier, owned.is_new_customer, owned.source, owned.product_line,
    date_diff('day', as_of::DATE, owned.expected_close_on) AS days_to_expected_close
FROM owned
CROSS JOIN overall
LEFT JOIN visited ON visited.deal_id = owned.deal_id
LEFT JOIN acted ON acted.deal_id = owned.deal_id
LEFT JOIN sent ON sent.deal_id = owned.deal_id
LEFT JOIN records ON records.rep_id = owned.rep_id
LEFT JOIN tiers ON tiers.customer_id = owned.customer_id
LEFT JOIN base.stage_order(as_of := as_of) AS stages ON stages.stage = owned.stage
WHERE owned.status = 'open';
