-- forecast.buying_roles: one row per deal with activities that name a contact, with whom of the customer contact was had by as_of.
--   n_contacts            different people
--   n_roles               different buying roles among them, as known at as_of
--   has_decision_maker    whether one of them decides
--   n_roles and has_decision_maker are NULL where no buying role of anybody was known at as_of
CREATE OR REPLACE MACRO forecast.buying_roles(as_of) AS TABLE
WITH known AS (
    SELECT contact_id, lower(trim(buying_role)) AS role
    FROM base.contacts(as_of := as_of)
    WHERE NOT is_hindsight AND trim(buying_role) <> ''
), pairs AS (
    SELECT DISTINCT deal_id, contact_id
    FROM base.activities(as_of := as_of)
    WHERE deal_id IS NOT NULL AND contact_id IS NOT NULL
)
SELECT
    pairs.deal_id, count(*) AS n_contacts,
    CASE WHEN (SELECT count(*) FROM known) > 0 THEN count(DISTINCT role) END AS n_roles,
    CASE WHEN (SELECT count(*) FROM known) > 0 THEN coalesce(bool_or(role = 'decision_maker'), false) END AS has_decision_maker
FROM pairs
LEFT JOIN known USING (contact_id)
GROUP BY pairs.deal_id;
