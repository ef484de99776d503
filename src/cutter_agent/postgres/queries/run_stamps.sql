-- The newest runs with the newest event of each: whoever saw that one has seen the run as it stands.
SELECT r.run_id::text AS run_id, e.seq, encode(e.sha256, 'hex') AS sha256
FROM cutter_governance.run AS r
CROSS JOIN LATERAL (
  SELECT v.seq, v.sha256 FROM cutter_governance.run_event AS v WHERE v.run_id = r.run_id ORDER BY v.seq DESC LIMIT 1
) AS e
ORDER BY r.run_id DESC
LIMIT %(limit)s::integer
