-- forecast.commitments: one row per deal won by as_of, and per contract that leads to no won deal: what is yet to be invoiced starts here.
--   kind, commitment_id   'deal' and the deal's id, or 'contract' and the contract's
--   deal_id        the deal; of a contract the deal that it names, which the CRM still shows open or lost; NULL without one
--   began_on       DATE of winning, of a contract of signing
--   cents          BIGINT, of its contracts where there are any, else of the deal; NULL where nobody said
--   deal_cents, contract_cents   the two apart
CREATE OR REPLACE MACRO forecast.commitments(as_of) AS TABLE
WITH won AS MATERIALIZED (FROM forecast.won_values(as_of := as_of))
SELECT 'deal' AS kind, deal_id AS commitment_id, deal_id, customer_id, rep_id, won_on AS began_on, deal_cents, contract_cents, cents
FROM won
UNION ALL
SELECT 'contract', contract_id, contracts.deal_id, contracts.customer_id, deals.owner_id, signed_on, NULL,
    (contracts.amount * 100)::BIGINT, (contracts.amount * 100)::BIGINT
FROM base.contracts(as_of := as_of) AS contracts
LEFT JOIN base.deals(as_of := as_of) AS deals ON deals.deal_id = contracts.deal_id
WHERE contracts.amount > 0 AND (contracts.deal_id IS NULL OR contracts.deal_id NOT IN (SELECT deal_id FROM won));

-- forecast.billings: one row per invoice with an amount known at as_of, with the row of forecast.commitments that it bills.
--   kind, commitment_id   NULL where it leads to none
CREATE OR REPLACE MACRO forecast.billings(as_of) AS TABLE
WITH linked AS (
    SELECT bills.invoice_id, bills.deal_id, coalesce(bills.contract_id, orders.contract_id) AS contract_id
    FROM forecast.bills(as_of := as_of) AS bills
    LEFT JOIN base.orders(as_of := as_of) AS orders ON orders.order_id = bills.order_id
    WHERE bills.cents > 0
), known AS MATERIALIZED (
    SELECT kind, commitment_id FROM forecast.commitments(as_of := as_of)
)
SELECT linked.invoice_id, coalesce(deals.kind, contracts.kind) AS kind, coalesce(deals.commitment_id, contracts.commitment_id) AS commitment_id
FROM linked
LEFT JOIN known AS deals ON deals.kind = 'deal' AND deals.commitment_id = linked.deal_id
LEFT JOIN known AS contracts ON contracts.kind = 'contract' AND contracts.commitment_id = linked.contract_id;

-- forecast.cash_received: one row per receipt or refund with an amount, of days up to last_on, known at as_of.
--   customer_id   the receipt's, else that of its invoice; NULL where neither says
--   cents         BIGINT, negative for a refund
CREATE OR REPLACE MACRO forecast.cash_received(as_of, last_on) AS TABLE
SELECT receipts.receipt_no, coalesce(receipts.customer_id, bills.customer_id) AS customer_id, receipts.received_on,
    (receipts.amount * 100)::BIGINT AS cents
FROM base.receipts(as_of := as_of) AS receipts
LEFT JOIN (SELECT invoice_id, customer_id FROM forecast.bills(as_of := as_of)) AS bills USING (invoice_id)
WHERE receipts.amount IS NOT NULL AND receipts.received_on <= last_on;
