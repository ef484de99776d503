-- The run's documents, in the order in which they were recorded.
SELECT d.name, d.sha256::bytea, d.body
FROM cutter_governance.run_document AS d
WHERE d.run_id = %(run_id)s::text
ORDER BY d.seq, d.name
