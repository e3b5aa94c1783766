-- forecast.bills: one row per invoice or credit note (amount < 0) with an amount, known at as_of, and the deal that it goes back to.
--   customer_id   the invoice's, else its order's, else its contract's
--   deal_id       by its order, else by its contract, else by its order's contract; NULL where no link leads to a deal
--   cents         BIGINT, amount in hundredths: the ledger counts in whole numbers
CREATE OR REPLACE MACRO forecast.bills(as_of) AS TABLE
WITH ordered AS (
    SELECT order_id, contract_id, deal_id, customer_id FROM base.orders(as_of := as_of)
), signed AS (
    SELECT contract_id, deal_id, customer_id FROM base.contracts(as_of := as_of)
)
SELECT
    invoices.invoice_id, invoices.order_id, invoices.contract_id,
    coalesce(invoices.customer_id, ordered.customer_id, signed.customer_id, order_signed.customer_id) AS customer_id,
    coalesce(ordered.deal_id, signed.deal_id, order_signed.deal_id) AS deal_id,
    invoices.issued_on, invoices.due_on, (invoices.amount * 100)::BIGINT AS cents
FROM base.invoices(as_of := as_of) AS invoices
LEFT JOIN ordered ON ordered.order_id = invoices.order_id
LEFT JOIN signed ON signed.contract_id = invoices.contract_id
LEFT JOIN signed AS order_signed ON order_signed.contract_id = ordered.contract_id
WHERE invoices.amount <> 0;

-- forecast.kept_receipts: one row per receipt known at as_of, less what was taken back of it later.
--   invoice_id    NULL where it names no invoice that is known
--   cents         BIGINT. Of an invoice: >= 0, a refund takes back the newest money first, and both rows shrink; without invoice as it stands
CREATE OR REPLACE MACRO forecast.kept_receipts(as_of) AS TABLE
WITH linked AS (
    SELECT receipts.receipt_no, known.invoice_id, coalesce(receipts.customer_id, known.customer_id) AS customer_id,
        receipts.received_on, (receipts.amount * 100)::BIGINT AS cents
    FROM base.receipts(as_of := as_of) AS receipts
    LEFT JOIN (SELECT invoice_id, customer_id FROM forecast.bills(as_of := as_of) WHERE cents > 0) AS known USING (invoice_id)
    WHERE receipts.amount IS NOT NULL
), running AS (
    SELECT *, sum(cents) OVER (PARTITION BY invoice_id ORDER BY received_on, receipt_no) AS paid FROM linked WHERE invoice_id IS NOT NULL
), lasting AS (
    -- what is never undercut later is what was kept
    SELECT *, greatest(min(paid) OVER (PARTITION BY invoice_id ORDER BY received_on, receipt_no ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING), 0) AS kept
    FROM running
)
SELECT receipt_no, invoice_id, customer_id, received_on,
    (kept - lag(kept, 1, 0) OVER (PARTITION BY invoice_id ORDER BY received_on, receipt_no))::BIGINT AS cents
FROM lasting
UNION ALL
SELECT receipt_no, NULL, customer_id, received_on, cents FROM linked WHERE invoice_id IS NULL;

-- forecast.won_values: one row per deal won by as_of, with what it should bring in invoices.
--   won_on     DATE of closing
--   cents      BIGINT, of its contracts where there are any, else of the deal; NULL where nobody said
--   deal_cents, contract_cents   the two apart
CREATE OR REPLACE MACRO forecast.won_values(as_of) AS TABLE
WITH signed AS (
    SELECT deal_id, sum((amount * 100)::BIGINT)::BIGINT AS contract_cents
    FROM base.contracts(as_of := as_of) WHERE deal_id IS NOT NULL AND amount > 0 GROUP BY deal_id
)
SELECT deals.deal_id, deals.customer_id, deals.product_line, deals.owner_id AS rep_id, deals.closed_at::DATE AS won_on,
    (deals.amount * 100)::BIGINT AS deal_cents, signed.contract_cents, coalesce(signed.contract_cents, deal_cents) AS cents
FROM base.deals(as_of := as_of) AS deals
LEFT JOIN signed ON signed.deal_id = deals.deal_id
WHERE deals.status = 'won' AND deals.closed_at <= as_of;

-- forecast.customer_groups: one row per customer known at as_of, with what payments can be grouped by.
--   rep_id, unit_id   the customer's owner, and the unit that results of that owner count for (as in targets.results)
CREATE OR REPLACE MACRO forecast.customer_groups(as_of) AS TABLE
SELECT customers.customer_id, customers.name AS customer_name, customers.region, customers.industry, customers.tier,
    customers.owner_id AS rep_id, reps.unit_id
FROM base.customers(as_of := as_of) AS customers
LEFT JOIN targets.standing_reps(as_of := as_of) AS reps ON reps.rep_id = customers.owner_id;
