-- forecast.customer_evidence: one row per deal for which the customer did something that can be shown, known at as_of.
--   evidence_at     newest of the kinds inbound, opened and order of funnel.deal_evidence: what strictness 4 of funnel.advances asks for
--   n_evidence_30   of 30 days
CREATE OR REPLACE MACRO forecast.customer_evidence(as_of) AS TABLE
SELECT
    deal_id, max(happened_at) AS evidence_at,
    count(*) FILTER (happened_at > as_of - INTERVAL 30 DAY) AS n_evidence_30
FROM funnel.deal_evidence(as_of := as_of)
WHERE kind IN ('inbound', 'opened', 'order')
GROUP BY deal_id;
