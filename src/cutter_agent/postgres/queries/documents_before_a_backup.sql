-- Documents whose live run has asked nothing yet: each needs a backup before it does. The oldest first.
SELECT r.document_id::text FROM cutter_governance.run AS r
WHERE r.outcome IS NULL AND r.holds_document
  AND NOT EXISTS (SELECT FROM cutter_governance.run_event AS e WHERE e.run_id = r.run_id AND e.kind = 'request')
ORDER BY r.run_id LIMIT %(limit)s::integer
