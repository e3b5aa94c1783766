-- funnel.forward_moves: one row per move of a deal to a later stage that is not its end, known at as_of.
--   moved_at      when it entered the stage; stage_before the stage it came from, stage the one it went to
--   left_at, exit how the stay in the new stage ended, as in funnel.visits; NULL while it goes on
--   rep_id        the deal's owner as known at as_of
CREATE OR REPLACE MACRO funnel.forward_moves(as_of) AS TABLE
WITH placed AS (
    SELECT
        visits.*, stages.position,
        lag(visits.stage) OVER moves AS stage_before,
        lag(stages.position) OVER moves AS position_before
    FROM funnel.visits(as_of := as_of) AS visits
    JOIN base.stage_order(as_of := as_of) AS stages ON stages.stage = visits.stage
    WINDOW moves AS (PARTITION BY visits.deal_id ORDER BY visits.entered_at, stages.position, visits.stage)
)
SELECT placed.deal_id, placed.entered_at AS moved_at, placed.stage_before, placed.stage, placed.left_at, placed.exit, deals.owner_id AS rep_id
FROM placed
LEFT JOIN base.deals(as_of := as_of) AS deals ON deals.deal_id = placed.deal_id
WHERE placed.position_before < placed.position;

-- funnel.deal_updates: one row per deal and change of its amount or expected day that an export told after `since`.
--   moved_at      the export that told it; an edit is not dated more closely
--   part          'amount_up' | 'amount_down' | 'brought_forward' | 'postponed', as in funnel.changes
CREATE OR REPLACE MACRO funnel.deal_updates(as_of, since) AS TABLE
SELECT changes.deal_id, deals.known_from AS moved_at, changes.part, changes.stage_now AS stage, changes.owner_now AS rep_id
FROM funnel.changes(as_of := as_of, since := since) AS changes
JOIN base.deals(as_of := as_of) AS deals ON deals.deal_id = changes.deal_id
WHERE changes.part IN ('amount_up', 'amount_down', 'brought_forward', 'postponed')
  AND deals.status = 'open' AND deals.known_from > since AND deals.known_from <= as_of;

-- funnel.deal_evidence: one row per thing that shows that there was contact on a deal, known at as_of.
--   kind          'inbound' (the customer acted) | 'opened' (a document) | 'order' (an order or a contract) |
--                 'began' (the deal itself: somebody asked for something) | 'meeting' (written down by the rep alone) |
--                 'rep' (any other record of the rep)
--   evidence_id   the id of the record, with the table it stands in: 'activities' | 'documents' | 'orders' | 'contracts' | 'deals'
--   A record that names a customer but no deal speaks for all deals of that customer.
CREATE OR REPLACE MACRO funnel.deal_evidence(as_of) AS TABLE
WITH contacts AS (
    SELECT
        deal_id, customer_id, activity_id, occurred_at,
        CASE WHEN direction = 'inbound' THEN 'inbound'
             WHEN lower(trim(kind)) IN ('meeting', '会议', '会面', '面谈') THEN 'meeting'
             ELSE 'rep' END AS kind
    FROM base.activities(as_of := as_of)
), owned AS (
    SELECT deal_id, customer_id, created_at FROM base.deals(as_of := as_of)
)
SELECT deal_id, kind, occurred_at AS happened_at, 'activities' AS evidence_table, activity_id AS evidence_id
FROM contacts WHERE deal_id IS NOT NULL
UNION ALL
SELECT owned.deal_id, contacts.kind, contacts.occurred_at, 'activities', contacts.activity_id
FROM contacts JOIN owned ON owned.customer_id = contacts.customer_id WHERE contacts.deal_id IS NULL
UNION ALL
SELECT deal_id, 'opened', opened_at, 'documents', document_id
FROM base.documents(as_of := as_of) WHERE opened_at IS NOT NULL AND deal_id IS NOT NULL
UNION ALL
SELECT deal_id, 'order', ordered_at, 'orders', order_id FROM base.orders(as_of := as_of) WHERE deal_id IS NOT NULL
UNION ALL
SELECT deal_id, 'order', signed_on::TIMESTAMP, 'contracts', contract_id FROM base.contracts(as_of := as_of) WHERE deal_id IS NOT NULL
UNION ALL
SELECT deal_id, 'began', created_at, 'deals', deal_id FROM owned WHERE created_at IS NOT NULL;
