-- funnel.stay_outcomes: one row per visit that funnel.visits knows, with what became of the deal.
--   days            DOUBLE >= 0, how long the deal stayed, to as_of while it is still there (is_left false)
--   outcome         'won' | 'lost' as the deal stands at as_of; NULL while it is open
--   outcome_days    DOUBLE >= 0, from the entry to the closing, to as_of while the deal is open
CREATE OR REPLACE MACRO funnel.stay_outcomes(as_of) AS TABLE
WITH ends AS (
    SELECT deal_id, status AS outcome, closed_at FROM base.deals(as_of := as_of) WHERE status IN ('won', 'lost')
)
SELECT
    waits.deal_id, waits.stage, waits.entered_at, waits.days, waits.is_left, ends.outcome,
    greatest(epoch_us(coalesce(ends.closed_at, as_of)) - epoch_us(waits.entered_at), 0) / 86400e6 AS outcome_days
FROM funnel.waits(as_of := as_of) AS waits
LEFT JOIN ends ON ends.deal_id = waits.deal_id;

-- funnel.open_deals: one row per open deal that the newest export still has, with whom it belongs to and what was agreed last.
--   next_step, next_step_due_at   of the newest record of the deal that names a next step; NULL where none does
--   last_record_at                newest record of the deal; NULL where there is none
CREATE OR REPLACE MACRO funnel.open_deals(as_of) AS TABLE
WITH offered AS MATERIALIZED (
    SELECT deal_id, name, customer_id, owner_id, amount, expected_close_on
    FROM base.deals(as_of := as_of)
    WHERE status = 'open' AND is_gone IS NOT TRUE
), notes AS (
    SELECT
        deal_id, max(occurred_at) AS last_record_at,
        arg_max(struct_pack(step := next_step, due_at := next_step_due_at), (occurred_at, activity_id)) FILTER (next_step IS NOT NULL) AS agreed
    FROM base.activities(as_of := as_of)
    SEMI JOIN offered USING (deal_id)
    GROUP BY deal_id
)
SELECT
    offered.deal_id, offered.name AS deal_name, offered.customer_id, customers.name AS customer_name,
    offered.owner_id AS rep_id, reps.name AS rep_name, offered.amount, offered.expected_close_on,
    notes.agreed.step AS next_step, notes.agreed.due_at AS next_step_due_at, notes.last_record_at
FROM offered
LEFT JOIN base.customers(as_of := as_of) AS customers ON customers.customer_id = offered.customer_id
LEFT JOIN base.reps(as_of := as_of) AS reps ON reps.rep_id = offered.owner_id
LEFT JOIN notes ON notes.deal_id = offered.deal_id;
