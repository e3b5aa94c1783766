-- funnel.stage_flows: one row per way that deals went between `since` and as_of, those that stayed where they were included.
--   began     'open' | 'new' | 'reopened'; stage_before NULL unless open before
--   ended     'open' | 'won' | 'lost' | 'removed'; stage_now NULL unless still open
--   n_deals, amount   the deals that went this way; their amount now, of removed ones before
CREATE OR REPLACE MACRO funnel.stage_flows(as_of, since) AS TABLE
SELECT
    CASE WHEN was_open THEN 'open' WHEN status_before IS NULL THEN 'new' ELSE 'reopened' END AS began,
    CASE WHEN was_open THEN stage_before END AS stage_before,
    coalesce(status_now, 'removed') AS ended,
    CASE WHEN is_open THEN stage_now END AS stage_now,
    count(*) AS n_deals,
    sum(if(status_now IS NULL, amount_before, amount_now))::DECIMAL(38, 2) AS amount
FROM funnel.deal_pairs(as_of := as_of, since := since)
GROUP BY ALL;
