-- base.closings: one row per deal that its stored version calls won or lost, with a closing date that has come.
--   status      'won' | 'lost'
--   closed_at   NULL where the export does not say when
--   is_hindsight, known_from   of the stored version, as in base.deal_versions
CREATE OR REPLACE MACRO base.closings(as_of) AS TABLE
SELECT deal_id, status, closed_at, is_hindsight, known_from
FROM base.deal_versions(as_of := as_of)
WHERE status IN ('won', 'lost') AND (closed_at <= as_of OR (closed_at IS NULL AND NOT is_hindsight));
