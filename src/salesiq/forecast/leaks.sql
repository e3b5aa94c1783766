-- forecast.filled_shares: one row per attribute of a deal, with how often it is filled by how the deal stands at as_of.
--   open_share, won_share, lost_share   0..1; text that is not empty, a number that is not 0; NULL where no such deal is known
--   deals whose attributes were only known after as_of are left out
CREATE OR REPLACE MACRO forecast.filled_shares(as_of) AS TABLE
WITH filled AS (
    SELECT status,
        coalesce(amount <> 0, false) AS amount, coalesce(trim(customer_id) <> '', false) AS customer_id,
        coalesce(trim(owner_id) <> '', false) AS owner_id, coalesce(trim(name) <> '', false) AS name,
        coalesce(trim(product_line) <> '', false) AS product_line, coalesce(trim(source) <> '', false) AS source,
        margin_share IS NOT NULL AS margin_share, is_new_customer IS NOT NULL AS is_new_customer,
        expected_close_on IS NOT NULL AS expected_close_on
    FROM base.deals(as_of := as_of)
    WHERE NOT is_hindsight
), long AS (
    UNPIVOT filled ON amount, customer_id, owner_id, name, product_line, source, margin_share, is_new_customer, expected_close_on
    INTO NAME attribute VALUE is_filled
)
SELECT attribute,
    count(*) FILTER (is_filled AND status = 'open') / nullif(count(*) FILTER (status = 'open'), 0) AS open_share,
    count(*) FILTER (is_filled AND status = 'won') / nullif(count(*) FILTER (status = 'won'), 0) AS won_share,
    count(*) FILTER (is_filled AND status = 'lost') / nullif(count(*) FILTER (status = 'lost'), 0) AS lost_share
FROM long
GROUP BY attribute;

-- forecast.closed_attributes: one row per deal won or lost by as_of, its attributes as they stand now and as they stood before it closed.
--   now_*    as the newest export by as_of has them
--   then_*   as the newest export (or field history) before closed_at had them; NULL where there was none: see is_told
--   is_told  whether some export or history told of the deal before it closed
--   customer_*  of the customer that the deal names, by the same rule; expected_days: whole days from created_at to the expected day
--   deals whose attributes were only known after as_of are left out
CREATE OR REPLACE MACRO forecast.closed_attributes(as_of) AS TABLE
WITH closed AS MATERIALIZED (
    SELECT * FROM base.deals(as_of := as_of) WHERE status <> 'open' AND NOT is_hindsight
), told AS (
    SELECT deal_id, arg_max(history, history.known_from) AS version
    FROM base.deal_history(as_of := as_of) AS history
    JOIN closed USING (deal_id)
    WHERE history.known_from < closed.closed_at
    GROUP BY deal_id
), told_customers AS (
    SELECT told.deal_id, arg_max(history, history.known_from) AS version
    FROM told
    JOIN closed USING (deal_id)
    JOIN base.customer_history(as_of := as_of) AS history ON history.customer_id = told.version.customer_id
    WHERE history.known_from < closed.closed_at
    GROUP BY told.deal_id
)
SELECT
    closed.deal_id, closed.status = 'won' AS is_won, closed.created_at, closed.closed_at, told.version IS NOT NULL AS is_told,
    closed.lost_reason,
    closed.amount::DOUBLE AS now_amount, told.version.amount::DOUBLE AS then_amount,
    closed.margin_share AS now_margin_share, told.version.margin_share AS then_margin_share,
    nullif(trim(closed.customer_id), '') AS now_customer_id, nullif(trim(told.version.customer_id), '') AS then_customer_id,
    nullif(trim(closed.owner_id), '') AS now_owner_id, nullif(trim(told.version.owner_id), '') AS then_owner_id,
    nullif(trim(closed.name), '') AS now_name, nullif(trim(told.version.name), '') AS then_name,
    nullif(trim(closed.product_line), '') AS now_product_line, nullif(trim(told.version.product_line), '') AS then_product_line,
    nullif(trim(closed.source), '') AS now_source, nullif(trim(told.version.source), '') AS then_source,
    closed.is_new_customer AS now_is_new_customer, told.version.is_new_customer AS then_is_new_customer,
    date_diff('day', closed.created_at::DATE, closed.expected_close_on) AS now_expected_days,
    date_diff('day', closed.created_at::DATE, told.version.expected_close_on) AS then_expected_days,
    customers.tier AS now_customer_tier, told_customers.version.tier AS then_customer_tier,
    customers.region AS now_customer_region, told_customers.version.region AS then_customer_region,
    customers.industry AS now_customer_industry, told_customers.version.industry AS then_customer_industry
FROM closed
LEFT JOIN told USING (deal_id)
LEFT JOIN told_customers USING (deal_id)
LEFT JOIN base.customers(as_of := as_of) AS customers ON customers.customer_id = closed.customer_id;
