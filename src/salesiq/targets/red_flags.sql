-- targets.weekly: one row per team (unit with reps of its own) or top of the organisation and complete week before as_of.
--   is_company     true for a top: everything below it; false for a team: its own reps. unit_id is NULL where no unit is known
--   week_start_on  Monday; n_weeks + 1 weeks, the last being the last that is over at as_of; none before the book's first deal or activity
--   new_deals, won_deals, lost_deals, activities   counts; won_amount DECIMAL(38,2), won_squares the sum of its squares
--   Activities count where they were known as long after their week as those of the last week are at as_of: late entries
--   do not make the last week look weak.
CREATE OR REPLACE MACRO targets.weekly(as_of, n_weeks) AS TABLE
WITH last_week AS (
    SELECT date_trunc('week', as_of + INTERVAL 1 MICROSECOND)::TIMESTAMP - INTERVAL 7 DAY AS start_at
), deals AS MATERIALIZED (
    SELECT owner_id AS rep_id, created_at, closed_at, status, amount FROM base.deals(as_of := as_of)
), activities AS MATERIALIZED (
    SELECT rep_id, occurred_at, greatest(known_from, occurred_at) AS known_at FROM base.activities(as_of := as_of)
), first_record AS (
    SELECT least((SELECT min(coalesce(created_at, closed_at)) FROM deals), (SELECT min(occurred_at) FROM activities)) AS first_at
), weeks AS MATERIALIZED (
    SELECT start_at - to_days(7 * n) AS start_at, start_at - to_days(7 * n) + INTERVAL 7 DAY AS end_at, as_of - start_at AS age
    FROM last_week CROSS JOIN (SELECT unnest(range(0, n_weeks + 1))::INTEGER AS n)
    WHERE start_at - to_days(7 * n) >= (SELECT first_at FROM first_record)
), happenings AS (
    SELECT rep_id, created_at AS happened_at, 1 AS new_deals, 0 AS won_deals, 0 AS lost_deals, 0::DECIMAL(18, 2) AS won_amount, 0 AS activities
    FROM deals WHERE created_at IS NOT NULL
    UNION ALL
    SELECT rep_id, closed_at, 0, (status = 'won')::INTEGER, (status = 'lost')::INTEGER,
        CASE WHEN status = 'won' THEN coalesce(amount, 0) ELSE 0 END, 0
    FROM deals WHERE status <> 'open' AND closed_at <= as_of
    UNION ALL
    SELECT rep_id, occurred_at, 0, 0, 0, 0, 1
    FROM activities JOIN weeks ON occurred_at >= weeks.start_at AND occurred_at < weeks.end_at
    WHERE known_at - weeks.start_at <= weeks.age
), sums AS MATERIALIZED (
    SELECT
        rep_id, weeks.start_at, sum(new_deals) AS new_deals, sum(won_deals) AS won_deals, sum(lost_deals) AS lost_deals,
        sum(won_amount) AS won_amount, sum(won_amount::DECIMAL(19, 2) * won_amount::DECIMAL(19, 2)) AS won_squares, sum(activities) AS activities
    FROM happenings JOIN weeks ON happenings.happened_at >= weeks.start_at AND happenings.happened_at < weeks.end_at
    GROUP BY ALL
), reps AS MATERIALIZED (
    SELECT rep_id, unit_id FROM targets.standing_reps(as_of := as_of)
), units AS MATERIALIZED (
    SELECT unit_id, name, level, depth FROM base.units(as_of := as_of)
), tops AS MATERIALIZED (
    SELECT unit_id, (SELECT count(*) = 1 FROM units WHERE depth = 0) AS is_only FROM units WHERE depth = 0
    UNION ALL
    SELECT NULL, true WHERE NOT EXISTS (SELECT 1 FROM units)
), members AS (
    SELECT unit_id, rep_id, false AS is_company FROM reps WHERE unit_id NOT IN (SELECT unit_id FROM tops WHERE unit_id IS NOT NULL)
    UNION ALL
    SELECT lead_unit_id, rep_id, true
    FROM reps JOIN targets.lines(as_of := as_of) USING (unit_id)
    JOIN tops ON tops.unit_id = lead_unit_id AND NOT is_only
), teams AS (
    SELECT DISTINCT unit_id, is_company FROM members
    UNION
    SELECT unit_id, true FROM tops
), grouped AS (
    SELECT members.unit_id, members.is_company, sums.* EXCLUDE (rep_id) FROM members JOIN sums USING (rep_id)
    UNION ALL
    -- the only top has everything, owned or not
    SELECT tops.unit_id, true, sums.* EXCLUDE (rep_id) FROM sums CROSS JOIN tops WHERE is_only
)
SELECT
    teams.unit_id, units.name AS unit_name, teams.is_company, weeks.start_at::DATE AS week_start_on,
    coalesce(sum(new_deals), 0)::BIGINT AS new_deals, coalesce(sum(won_deals), 0)::BIGINT AS won_deals,
    coalesce(sum(lost_deals), 0)::BIGINT AS lost_deals, coalesce(sum(won_amount), 0)::DECIMAL(38, 2) AS won_amount,
    coalesce(sum(won_squares), 0)::DECIMAL(38, 4) AS won_squares, coalesce(sum(activities), 0)::BIGINT AS activities
FROM teams
CROSS JOIN weeks
LEFT JOIN grouped ON grouped.unit_id IS NOT DISTINCT FROM teams.unit_id AND grouped.is_company = teams.is_company
    AND grouped.start_at = weeks.start_at
LEFT JOIN units ON units.unit_id = teams.unit_id
GROUP BY ALL;
