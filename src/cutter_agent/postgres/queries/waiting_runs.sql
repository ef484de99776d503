-- Runs that wait for people: their newest event is a request, or says that its approval is missing or does not count.
SELECT r.run_id::text
FROM cutter_governance.run AS r
CROSS JOIN LATERAL (
  SELECT e.kind, CASE e.kind WHEN 'stop' THEN convert_from(e.payload, 'UTF8')::jsonb #>> '{body,code}' END AS code
  FROM cutter_governance.run_event AS e WHERE e.run_id = r.run_id ORDER BY e.seq DESC LIMIT 1
) AS e
WHERE r.outcome IS NULL AND r.holds_document AND (e.kind = 'request' OR starts_with(e.code, 'STOP_APPROVAL_'))
ORDER BY r.run_id
LIMIT %(limit)s::integer
