-- funnel.approval_waits: one row per approval request handed in by as_of.
--   state      'decided' | 'withdrawn' (the deal closed, or left the exports, before a decision: nobody waits any more) | 'pending'
--   until_at   the decision, else the deal's closing, else as_of; never before submitted_at
--   is_decided whether the wait ended in a decision; every other wait is right-censored at until_at
CREATE OR REPLACE MACRO funnel.approval_waits(as_of) AS TABLE
WITH requests AS (
    SELECT
        approvals.approval_id, approvals.node, approvals.deal_id, approvals.approver_id, approvals.outcome,
        approvals.submitted_at, approvals.decided_at,
        deals.name AS deal_name, deals.amount, deals.owner_id AS rep_id, deals.stage, deals.customer_id,
        CASE WHEN deals.status <> 'open' THEN deals.closed_at
             WHEN deals.is_gone THEN deals.known_from END AS closed_at  -- the export that no longer had the deal
    FROM base.approvals(as_of := as_of) AS approvals
    LEFT JOIN base.deals(as_of := as_of) AS deals ON deals.deal_id = approvals.deal_id
)
SELECT
    requests.* EXCLUDE (closed_at),
    customers.name AS customer_name, reps.name AS rep_name, approvers.name AS approver_name,
    CASE WHEN decided_at IS NOT NULL THEN 'decided' WHEN closed_at IS NOT NULL THEN 'withdrawn' ELSE 'pending' END AS state,
    decided_at IS NOT NULL AS is_decided,
    greatest(coalesce(decided_at, closed_at, as_of), submitted_at) AS until_at
FROM requests
LEFT JOIN base.customers(as_of := as_of) AS customers ON customers.customer_id = requests.customer_id
LEFT JOIN base.reps(as_of := as_of) AS reps ON reps.rep_id = requests.rep_id
LEFT JOIN base.reps(as_of := as_of) AS approvers ON approvers.rep_id = requests.approver_id;
