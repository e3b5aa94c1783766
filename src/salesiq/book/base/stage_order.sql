-- base.stage_order: one row per stage, those of `stages` first, then those that only the events name.
--   position   order in the process; stages that only events name come after, by the mean time since the deal's first event
--   is_won, is_lost   never NULL; for stages that only events name, told from the usual words
CREATE OR REPLACE MACRO base.stage_order(as_of) AS TABLE
WITH named AS (
    SELECT stage, position, is_won, is_lost, standard_days FROM base.stages(as_of := as_of)
), strays AS MATERIALIZED (  -- none in a book whose stages are loaded: then what follows costs nothing
    SELECT deal_id, stage, entered_at FROM base.stage_events(as_of := as_of) ANTI JOIN named USING (stage)
), firsts AS (
    SELECT deal_id, min(entered_at) AS first_at
    FROM base.stage_events(as_of := as_of) SEMI JOIN strays USING (deal_id)
    GROUP BY deal_id
), unnamed AS (
    SELECT strays.stage, avg(epoch_us(strays.entered_at) - epoch_us(firsts.first_at)) AS mean_elapsed_us
    FROM strays JOIN firsts USING (deal_id)
    GROUP BY strays.stage
)
SELECT stage, position, coalesce(is_won, false) AS is_won, coalesce(is_lost, false) AS is_lost, standard_days
FROM named
UNION ALL
SELECT
    stage,
    (SELECT coalesce(max(position), 0) FROM named) + row_number() OVER (ORDER BY mean_elapsed_us, stage),
    lower(trim(stage)) IN ('won', 'closed won', 'closedwon', '赢单', '成交', '已成交'),
    lower(trim(stage)) IN ('lost', 'closed lost', 'closedlost', '输单', '丢单', '已丢单'),
    NULL
FROM unnamed;
