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
