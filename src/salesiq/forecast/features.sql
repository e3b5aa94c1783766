-- forecast.features: one row per deal that was open at as_of, with what could be known of it then.
--   rep_id            the owner where that was known, else the rep of the newest activity; NULL where nobody is known
--   age_days          DOUBLE >= 0, since the deal began (creation or first stage event)
--   stage_days        DOUBLE >= 0, in the stage that it is in; NULL without stage events. stage_rank: see forecast.stage_progress
--   n_pushes, push_days, n_amount_changes, amount_growth   see forecast.deal_revisions; NULL where no attribute was known
--   days_since_*      DOUBLE >= 0; NULL where it never happened
--   gap_ratio         DOUBLE >= 0, days since the newest activity over the deal's usual gap; NULL below three moments of contact
--   gap_spread, n_unanswered, n_steps_due   see forecast.contact_rhythm
--   kept_share        0..1, of the next steps whose day is over; NULL without any
--   complete_share    0..1, of three fields (pain point, fit, next step with its time) filled over the activities of 90 days; NULL without any
--   prompt_share      0..1, activities of 90 days entered by a day later; NULL where no time of entry is known
--   n_evidence_30, days_since_evidence   what the customer did: see forecast.customer_evidence
--   is_stage_evidenced  whether there was some since 14 days before the deal entered its stage; NULL without stage events
--   n_contacts, n_roles, has_decision_maker   see forecast.buying_roles
--   rep_win_share     0..1, won among the rep's deals closed by as_of, shrunk towards everybody's by 10 deals; NULL while nothing has closed
--   product_line_win_share, region_win_share, tier_win_share   the same for the deal's segments; NULL where that is not known
--   everybody_win_share  0..1, won among all deals closed by as_of; NULL while nothing has closed
--   *_win_share_90    the same of the deals closed in the 90 days to as_of: everybody's leans on its own of all time, a region's on everybody's of
--                     the 90 days, a rep's on its region's of the 90 days, each by 10 deals: who has lost touch is seen in months, not in years
--   n_interventions   how often something was done about an alert on the deal, by as_of
--   days_to_quarter_end  1..92, whole days left in the calendar quarter, today included
--   customer_*, is_customer_*   the customer's history: see forecast.customer_standing; customer_n_won, _n_lost: its deals closed by as_of. The
--                     customer is the deal's, else that of the newest activity; NULL where nobody is known
--   amount, tier, region, is_new_customer, source, product_line, days_to_expected_close   NULL where they were only known after as_of
--   A table that is absent leaves counts at 0 and everything else at NULL.
CREATE OR REPLACE MACRO forecast.features(as_of) AS TABLE
WITH deals AS MATERIALIZED (
    SELECT deal_id, status, created_at, closed_at, stage,
        CASE WHEN NOT is_hindsight THEN owner_id END AS owner_id,
        CASE WHEN NOT is_hindsight THEN customer_id END AS customer_id,
        CASE WHEN NOT is_hindsight THEN amount END AS amount,
        CASE WHEN NOT is_hindsight THEN is_new_customer END AS is_new_customer,
        CASE WHEN NOT is_hindsight THEN source END AS source,
        CASE WHEN NOT is_hindsight THEN product_line END AS product_line,
        CASE WHEN NOT is_hindsight THEN expected_close_on END AS expected_close_on
    FROM base.deals(as_of := as_of)
), named AS (
    -- who holds a deal whose owner is not known, and whose it is: as the newest activity says, told by one maximum so that ties have one answer
    SELECT
        deal_id,
        max(struct_pack(occurred_at, id := rep_id)) FILTER (rep_id IS NOT NULL).id AS rep_id,
        max(struct_pack(occurred_at, id := customer_id)) FILTER (customer_id IS NOT NULL).id AS customer_id
    FROM base.activities(as_of := as_of)
    SEMI JOIN (SELECT deal_id FROM deals WHERE owner_id IS NULL OR customer_id IS NULL) USING (deal_id)
    GROUP BY deal_id
), customers AS (
    SELECT customer_id, tier, region FROM base.customers(as_of := as_of) WHERE NOT is_hindsight
), owned AS MATERIALIZED (
    SELECT deals.* EXCLUDE (customer_id), coalesce(deals.owner_id, named.rep_id) AS rep_id,
        coalesce(deals.customer_id, named.customer_id) AS holder_id, customers.tier, customers.region
    FROM deals
    LEFT JOIN named USING (deal_id)
    LEFT JOIN customers ON customers.customer_id = deals.customer_id
), closed AS MATERIALIZED (
    SELECT rep_id, holder_id, product_line, region, tier, status = 'won' AS is_won,
        coalesce(closed_at > as_of - INTERVAL 90 DAY, false) AS is_late
    FROM owned
    WHERE status <> 'open'
), overall AS (
    SELECT
        count(*) FILTER (is_won) / nullif(count(*), 0) AS win_share,
        forecast.shrunk_share(count(*) FILTER (is_won AND is_late), count(*) FILTER (is_late), win_share) AS win_share_90
    FROM closed
), reps AS (
    SELECT rep_id, count(*) FILTER (is_won) AS n_won, count(*) AS n,
        count(*) FILTER (is_won AND is_late) AS n_won_90, count(*) FILTER (is_late) AS n_90
    FROM closed
    WHERE rep_id IS NOT NULL
    GROUP BY rep_id
), lines AS (
    SELECT product_line, count(*) FILTER (is_won) AS n_won, count(*) AS n FROM closed WHERE product_line IS NOT NULL GROUP BY product_line
), regions AS (
    SELECT region, count(*) FILTER (is_won) AS n_won, count(*) AS n,
        count(*) FILTER (is_won AND is_late) AS n_won_90, count(*) FILTER (is_late) AS n_90
    FROM closed
    WHERE region IS NOT NULL
    GROUP BY region
), tiers AS (
    SELECT tier, count(*) FILTER (is_won) AS n_won, count(*) AS n FROM closed WHERE tier IS NOT NULL GROUP BY tier
), holders AS (
    SELECT holder_id, count(*) FILTER (is_won) AS n_won, count(*) FILTER (NOT is_won) AS n_lost FROM closed WHERE holder_id IS NOT NULL GROUP BY holder_id
), sent AS (
    SELECT deal_id, count(*) AS n_documents, count(opened_at) AS n_documents_opened,
        coalesce(max(sent_at) = max(sent_at) FILTER (opened_at IS NOT NULL), false) AS is_newest_opened
    FROM base.documents(as_of := as_of)
    WHERE deal_id IS NOT NULL
    GROUP BY deal_id
), helped AS (
    SELECT deal_id, count(*) AS n_interventions
    FROM base.interventions(as_of := as_of)
    WHERE deal_id IS NOT NULL
    GROUP BY deal_id
)
SELECT
    owned.deal_id, owned.rep_id, owned.stage, stages.position AS stage_position,
    forecast.days_between(coalesce(least(owned.created_at, first_at), as_of), as_of) AS age_days,
    forecast.days_between(stage_at, as_of) AS stage_days, stage_rank,
    coalesce(n_visits, 0) AS n_visits, coalesce(n_moves_back, 0) AS n_moves_back,
    n_pushes, push_days, n_amount_changes, amount_growth,
    coalesce(n_activities_14, 0) AS n_activities_14, coalesce(n_activities_30, 0) AS n_activities_30,
    coalesce(n_activities_90, 0) AS n_activities_90, coalesce(n_activities, 0) AS n_activities, coalesce(n_inbound, 0) AS n_inbound,
    coalesce(n_inbound_14, 0) AS n_inbound_14, coalesce(n_inbound_30, 0) AS n_inbound_30,
    forecast.days_between(activity_at, as_of) AS days_since_activity,
    forecast.days_between(inbound_at, as_of) AS days_since_inbound,
    forecast.days_between(activity_at, as_of) / nullif(usual_gap_days, 0) AS gap_ratio, gap_spread,
    coalesce(n_unanswered, 0) AS n_unanswered,
    coalesce(n_documents, 0) AS n_documents, coalesce(n_documents_opened, 0) AS n_documents_opened,
    coalesce(is_newest_opened, false) AS is_newest_opened,
    coalesce(n_evidence_30, 0) AS n_evidence_30, forecast.days_between(evidence_at, as_of) AS days_since_evidence,
    CASE WHEN stage_at IS NOT NULL THEN coalesce(evidence_at >= stage_at - INTERVAL 14 DAY, false) END AS is_stage_evidenced,
    coalesce(n_contacts, 0) AS n_contacts, n_roles, has_decision_maker,
    n_fields_90 / nullif(3.0 * n_activities_90, 0) AS complete_share, n_prompt_90 / nullif(n_timed_90, 0) AS prompt_share,
    coalesce(next_step_due_at > as_of, false) AS is_next_step_ahead,
    coalesce(next_step_due_at <= as_of AND activity_at < next_step_due_at, false) AS is_next_step_overdue,
    coalesce(n_steps_due, 0) AS n_steps_due, n_steps_kept / nullif(n_steps_due, 0) AS kept_share,
    forecast.shrunk_share(reps.n_won, reps.n, overall.win_share) AS rep_win_share,
    CASE WHEN owned.product_line IS NOT NULL THEN forecast.shrunk_share(lines.n_won, lines.n, overall.win_share) END AS product_line_win_share,
    CASE WHEN owned.region IS NOT NULL THEN forecast.shrunk_share(regions.n_won, regions.n, overall.win_share) END AS region_win_share,
    CASE WHEN owned.tier IS NOT NULL THEN forecast.shrunk_share(tiers.n_won, tiers.n, overall.win_share) END AS tier_win_share,
    overall.win_share AS everybody_win_share,
    forecast.shrunk_share(regions.n_won_90, regions.n_90, overall.win_share_90) AS region_win_share_90,
    forecast.shrunk_share(reps.n_won_90, reps.n_90, region_win_share_90) AS rep_win_share_90,
    overall.win_share_90 AS everybody_win_share_90,
    coalesce(n_interventions, 0) AS n_interventions,
    date_diff('day', as_of::DATE, (date_trunc('quarter', as_of) + INTERVAL 3 MONTH)::DATE) AS days_to_quarter_end,
    CASE WHEN owned.holder_id IS NOT NULL THEN coalesce(holders.n_won, 0) END AS customer_n_won,
    CASE WHEN owned.holder_id IS NOT NULL THEN coalesce(holders.n_lost, 0) END AS customer_n_lost,
    CASE WHEN owned.holder_id IS NOT NULL THEN coalesce(standing.n_orders_365, 0) END AS customer_n_orders_365,
    forecast.days_between(standing.ordered_at, as_of) AS customer_days_since_order,
    CASE WHEN owned.holder_id IS NOT NULL THEN coalesce(standing.n_overdue_invoices, 0) END AS customer_n_overdue_invoices,
    standing.paid_late_days AS customer_paid_late_days, standing.is_downgraded AS is_customer_downgraded,
    owned.amount, owned.tier, owned.region, owned.is_new_customer, owned.source, owned.product_line,
    date_diff('day', as_of::DATE, owned.expected_close_on) AS days_to_expected_close
FROM owned
CROSS JOIN overall
LEFT JOIN forecast.stage_progress(as_of := as_of) AS progress ON progress.deal_id = owned.deal_id
LEFT JOIN forecast.deal_revisions(as_of := as_of) AS revisions ON revisions.deal_id = owned.deal_id
LEFT JOIN forecast.contact_rhythm(as_of := as_of) AS rhythm ON rhythm.deal_id = owned.deal_id
LEFT JOIN forecast.customer_evidence(as_of := as_of) AS evidence ON evidence.deal_id = owned.deal_id
LEFT JOIN forecast.buying_roles(as_of := as_of) AS roles ON roles.deal_id = owned.deal_id
LEFT JOIN sent ON sent.deal_id = owned.deal_id
LEFT JOIN helped ON helped.deal_id = owned.deal_id
LEFT JOIN reps ON reps.rep_id = owned.rep_id
LEFT JOIN lines ON lines.product_line = owned.product_line
LEFT JOIN regions ON regions.region = owned.region
LEFT JOIN tiers ON tiers.tier = owned.tier
LEFT JOIN holders ON holders.holder_id = owned.holder_id
LEFT JOIN forecast.customer_standing(as_of := as_of) AS standing ON standing.customer_id = owned.holder_id
LEFT JOIN base.stage_order(as_of := as_of) AS stages ON stages.stage = owned.stage
WHERE owned.status = 'open';

-- forecast.days_between: DOUBLE, calendar days from one moment to another; NULL where either is.
CREATE OR REPLACE MACRO forecast.days_between(earlier_at, later_at) AS (epoch_us(later_at) - epoch_us(earlier_at)) / 86400e6;

-- forecast.shrunk_share: the share won, leaning on everybody's as if 10 more deals had gone like theirs.
CREATE OR REPLACE MACRO forecast.shrunk_share(n_won, n, usual) AS (coalesce(n_won, 0) + 10 * usual) / (coalesce(n, 0) + 10);
