-- Runs that can go on and that nobody drives: their drive lock is free, which it is at once when a driver dies.
WITH driven AS (
  -- A 64-bit advisory lock is shown as two halves.
  SELECT (l.classid::bigint << 32) | l.objid::bigint AS key
  FROM pg_locks AS l
  WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
    AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
)
SELECT r.run_id::text, e.seq, e.offered
FROM cutter_governance.run AS r
CROSS JOIN LATERAL (
  SELECT e.seq, e.kind, e.recorded_at,
    CASE e.kind WHEN 'stop' THEN convert_from(e.payload, 'UTF8')::jsonb #>> '{body,code}' END AS code,
    (SELECT count(*) FROM cutter_governance.offered_signature AS o
     WHERE o.run_id = e.run_id AND o.request_name = (
       SELECT convert_from(q.payload, 'UTF8')::jsonb #>> '{body,document}'
       FROM cutter_governance.run_event AS q WHERE q.run_id = e.run_id AND q.kind = 'request'
       ORDER BY q.seq DESC LIMIT 1)) AS offered
  FROM cutter_governance.run_event AS e WHERE e.run_id = r.run_id ORDER BY e.seq DESC LIMIT 1
) AS e
LEFT JOIN cutter_governance.lane AS l ON l.document_id = r.document_id AND l.run_id = r.run_id AND l.seq = e.seq
WHERE r.outcome IS NULL AND r.holds_document
  AND NOT EXISTS (SELECT FROM driven AS d WHERE d.key = hashtextextended('cutter/drive/' || r.run_id::text, 0))
  AND (e.kind IN ('phase', 'decision')
       -- Whoever opened it a moment ago is about to claim it, unless it was handed over.
       OR e.kind = 'opened' AND (e.recorded_at < clock_timestamp() - interval '5 seconds' OR l.claims IS NOT NULL)
       OR e.kind IN ('request', 'stop') AND e.offered > 0
       OR e.code = ANY (%(retried)s::text[]))
  AND (coalesce(l.claims, 0) < %(claims_max)s::integer OR e.kind IN ('request', 'stop'))
-- Each worker in an order of its own, so that they do not all reach for the same run.
ORDER BY hashtextextended(r.run_id::text, %(salt)s::bigint)
LIMIT %(limit)s::integer
