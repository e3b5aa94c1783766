-- targets.quality_sums: one row per aspect and carrier (unit, with all below it; or rep): what came in within [start_on, end_on), in short.
--   aspect   new_customer, high_margin: deals won, by closed_at, of the deal's owner, where the export says it
--            on_time: invoices due in these days and by as_of, of the owner of the customer; the part that was paid by the due day
--            concentration: deals won; the part is that of the largest customer
--   n, whole_amount, part_amount, squares   items, their sum, the part's, and the sum of their squares
CREATE OR REPLACE MACRO targets.quality_sums(as_of, start_on, end_on, high_margin_share) AS TABLE
WITH reps AS MATERIALIZED (
    SELECT rep_id, unit_id FROM targets.standing_reps(as_of := as_of)
), won AS MATERIALIZED (
    SELECT deal_id, coalesce(customer_id, deal_id) AS customer_id, owner_id AS rep_id, amount, is_new_customer, margin_share
    FROM base.deals(as_of := as_of)
    WHERE status = 'won' AND closed_at <= as_of AND closed_at::DATE >= start_on AND closed_at::DATE < end_on AND amount > 0
), paid AS (
    SELECT invoice_id, sum(receipts.amount) AS paid_amount
    FROM base.receipts(as_of := as_of) AS receipts
    JOIN (SELECT invoice_id, due_on FROM base.invoices(as_of := as_of)) AS dues USING (invoice_id)
    WHERE received_on <= due_on GROUP BY invoice_id
), billed AS (
    SELECT invoices.customer_id, customers.owner_id AS rep_id, invoices.amount, least(greatest(coalesce(paid_amount, 0), 0), invoices.amount) AS part_amount
    FROM base.invoices(as_of := as_of) AS invoices
    LEFT JOIN paid USING (invoice_id)
    LEFT JOIN base.customers(as_of := as_of) AS customers ON customers.customer_id = invoices.customer_id
    WHERE due_on >= start_on AND due_on < end_on AND due_on < as_of::DATE AND invoices.amount > 0
), items AS MATERIALIZED (
    SELECT 'new_customer' AS aspect, customer_id, rep_id, amount, CASE WHEN is_new_customer THEN amount ELSE 0 END AS part_amount FROM won WHERE is_new_customer IS NOT NULL
    UNION ALL
    SELECT 'high_margin', customer_id, rep_id, amount, CASE WHEN margin_share >= high_margin_share THEN amount ELSE 0 END FROM won WHERE margin_share IS NOT NULL
    UNION ALL
    SELECT 'on_time', customer_id, rep_id, amount, part_amount FROM billed
    UNION ALL
    SELECT 'concentration', customer_id, rep_id, amount, 0 FROM won
), carried AS MATERIALIZED (
    SELECT items.*, lead_unit_id AS unit_id, false AS is_rep FROM items JOIN reps USING (rep_id) JOIN targets.lines(as_of := as_of) AS lines ON lines.unit_id = reps.unit_id
    UNION ALL
    SELECT items.*, reps.unit_id, true FROM items JOIN reps USING (rep_id)
), largest AS (
    SELECT unit_id, rep_id, is_rep, max(amount) AS amount
    FROM (
        SELECT unit_id, CASE WHEN is_rep THEN rep_id END AS rep_id, is_rep, customer_id, sum(amount) AS amount
        FROM carried WHERE aspect = 'concentration' GROUP BY ALL
    ) GROUP BY ALL
), sums AS (
    SELECT aspect, unit_id, CASE WHEN is_rep THEN rep_id END AS rep_id, is_rep, count(*) AS n, sum(amount) AS whole_amount,
        sum(part_amount) AS part_amount, sum(amount::DECIMAL(19, 2) * amount::DECIMAL(19, 2)) AS squares
    FROM carried GROUP BY ALL
)
SELECT sums.* REPLACE (
        whole_amount::DECIMAL(38, 2) AS whole_amount, squares::DECIMAL(38, 4) AS squares,
        (CASE WHEN aspect = 'concentration' THEN largest.amount ELSE part_amount END)::DECIMAL(38, 2) AS part_amount
    ),
    CASE WHEN sums.is_rep THEN people.name ELSE units.name END AS name, CASE WHEN sums.is_rep THEN 'rep' ELSE units.level END AS level, units.depth
FROM sums
LEFT JOIN largest ON largest.unit_id IS NOT DISTINCT FROM sums.unit_id AND largest.rep_id IS NOT DISTINCT FROM sums.rep_id AND largest.is_rep = sums.is_rep
LEFT JOIN base.units(as_of := as_of) AS units ON units.unit_id = sums.unit_id
LEFT JOIN base.reps(as_of := as_of) AS people ON people.rep_id = sums.rep_id;
