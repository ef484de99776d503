-- The run's history, in order, with the hash chain that the reader checks.
SELECT e.seq, e.kind, e.payload, e.prev_sha256::bytea, e.sha256::bytea
FROM cutter_governance.run_event AS e
WHERE e.run_id = %(run_id)s::text
ORDER BY e.seq
