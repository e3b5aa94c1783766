-- funnel.closed_deals: one row per deal that had been won or lost by as_of, with what deals can be grouped by.
--   closed_at   never NULL: a deal that is closed on no known day belongs to no period
--   amount, created_at   as known at as_of; NULL where not known
CREATE OR REPLACE MACRO funnel.closed_deals(as_of) AS TABLE
SELECT deals.deal_id, deals.status = 'won' AS is_won, deals.closed_at, deals.created_at, deals.amount,
    segments.* EXCLUDE (deal_id, stage, status)
FROM base.deals(as_of := as_of) AS deals
JOIN base.segments(as_of := as_of) AS segments ON segments.deal_id = deals.deal_id
WHERE deals.status <> 'open' AND deals.closed_at <= as_of;
