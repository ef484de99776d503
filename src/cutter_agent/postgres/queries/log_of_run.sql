-- The entries of the log that belong to one run: approvals used, the enactment, the trust policies up to its own.
SELECT t.seq, t.kind, t.payload
FROM cutter_governance.transparency_log AS t
WHERE convert_from(t.payload, 'UTF8')::jsonb ->> 'run_id' = %(run_id)s::text
   OR t.kind = 'trust_policy' AND t.seq <= (
     SELECT p.seq FROM cutter_governance.transparency_log AS p
     WHERE p.kind = 'trust_policy'
       AND convert_from(p.payload, 'UTF8')::jsonb ->> 'sha256' = %(policy_sha256)s::text
     ORDER BY p.seq LIMIT 1)
ORDER BY t.seq
