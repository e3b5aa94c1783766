-- forecast.contact_rhythm: one row per deal that was open at as_of and had activities, with how contact has gone, as known at as_of.
--   n_activities, n_inbound      all; _14, _30, _90: of so many days
--   activity_at, inbound_at      newest activity, newest that the customer began; NULL where there is none
--   n_moments                    different moments of contact
--   usual_gap_days               DOUBLE > 0, mean days between two moments of contact; NULL below three moments
--   gap_spread                   DOUBLE >= 0, standard deviation of these gaps over their mean: 0 is clockwork, 1 is chance, above comes in bursts;
--                                NULL as above
--   n_unanswered                 moments of contact since the customer's newest one; all of them where the customer never began one
--   n_steps_due, n_steps_kept    next steps whose day is over, and those of them that were followed by an activity by the end of that day
--   next_step_due_at             the latest time at which any next step is due
--   n_fields_90                  of pain point, fit, next step with its time: how many were filled, over the activities of 90 days
--   n_timed_90, n_prompt_90      activities of 90 days whose time of entry is known, and those entered by a day after they took place
CREATE OR REPLACE MACRO forecast.contact_rhythm(as_of) AS TABLE
WITH moments AS (
    -- several records of one moment are one contact: only so is "the next one" told without doubt
    SELECT
        deal_id, occurred_at,
        count(*) AS n, count(*) FILTER (direction = 'inbound') AS n_inbound,
        max(next_step_due_at) AS latest_due_at,
        max(next_step_due_at) FILTER (next_step_due_at > occurred_at AND next_step_due_at::DATE < as_of::DATE) AS due_at,
        -- counted in whole fields: a sum of fractions would depend on the order of rows
        sum((coalesce(trim(pain_point), '') <> '')::INT + (coalesce(trim(solution_fit), '') <> '')::INT
            + (coalesce(trim(next_step), '') <> '' AND next_step_due_at IS NOT NULL)::INT)
            FILTER (occurred_at > as_of - INTERVAL 90 DAY) AS n_fields,
        count(recorded_at) AS n_timed, count(*) FILTER (recorded_at <= occurred_at + INTERVAL 1 DAY) AS n_prompt
    FROM base.activities(as_of := as_of)
    SEMI JOIN (SELECT deal_id FROM base.deals(as_of := as_of) WHERE status = 'open') USING (deal_id)
    GROUP BY deal_id, occurred_at
), ordered AS (
    SELECT
        *,
        lead(occurred_at) OVER contacts AS next_at,
        count(*) OVER contacts AS place
    FROM moments
    WINDOW contacts AS (PARTITION BY deal_id ORDER BY occurred_at)
), summed AS (
    SELECT
        deal_id,
        sum(n) AS n_activities, sum(n_inbound) AS n_inbound,
        sum(n) FILTER (occurred_at > as_of - INTERVAL 14 DAY) AS n_activities_14,
        sum(n) FILTER (occurred_at > as_of - INTERVAL 30 DAY) AS n_activities_30,
        sum(n) FILTER (occurred_at > as_of - INTERVAL 90 DAY) AS n_activities_90,
        sum(n_inbound) FILTER (occurred_at > as_of - INTERVAL 14 DAY) AS n_inbound_14,
        sum(n_inbound) FILTER (occurred_at > as_of - INTERVAL 30 DAY) AS n_inbound_30,
        max(occurred_at) AS activity_at, max(occurred_at) FILTER (n_inbound > 0) AS inbound_at,
        count(*) AS n_moments, max(place) FILTER (n_inbound > 0) AS inbound_place,
        -- whole seconds: their squares sum without rounding, in any order
        sum(date_diff('second', occurred_at, next_at))::HUGEINT AS gap_s,
        sum(date_diff('second', occurred_at, next_at)::HUGEINT * date_diff('second', occurred_at, next_at)) AS gap_s2,
        max(latest_due_at) AS next_step_due_at,
        count(due_at) AS n_steps_due, count(*) FILTER (next_at < date_trunc('day', due_at) + INTERVAL 1 DAY) AS n_steps_kept,
        sum(n_fields) AS n_fields_90,
        sum(n_timed) FILTER (occurred_at > as_of - INTERVAL 90 DAY) AS n_timed_90,
        sum(n_prompt) FILTER (occurred_at > as_of - INTERVAL 90 DAY) AS n_prompt_90
    FROM ordered
    GROUP BY deal_id
)
SELECT
    deal_id, n_activities::BIGINT AS n_activities, n_inbound::BIGINT AS n_inbound,
    coalesce(n_activities_14, 0)::BIGINT AS n_activities_14, coalesce(n_activities_30, 0)::BIGINT AS n_activities_30,
    coalesce(n_activities_90, 0)::BIGINT AS n_activities_90,
    coalesce(n_inbound_14, 0)::BIGINT AS n_inbound_14, coalesce(n_inbound_30, 0)::BIGINT AS n_inbound_30,
    activity_at, inbound_at, n_moments,
    CASE WHEN n_moments > 2 THEN gap_s / (n_moments - 1) / 86400 END AS usual_gap_days,
    CASE WHEN n_moments > 2 THEN sqrt(greatest((gap_s2 * (n_moments - 1) - gap_s * gap_s)::DOUBLE, 0)) / nullif(gap_s, 0) END AS gap_spread,
    n_moments - coalesce(inbound_place, 0) AS n_unanswered,
    n_steps_due, n_steps_kept, next_step_due_at,
    n_fields_90::BIGINT AS n_fields_90, coalesce(n_timed_90, 0)::BIGINT AS n_timed_90, coalesce(n_prompt_90, 0)::BIGINT AS n_prompt_90
FROM summed;
