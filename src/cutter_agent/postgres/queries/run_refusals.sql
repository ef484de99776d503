-- The refusals that a run met, byte for byte, in the order in which they were recorded.
SELECT r.request_sha256::bytea AS request_sha256, r.gate, r.person, r.request, r.armour
FROM cutter_governance.refusal AS r
WHERE r.run_id = %(run_id)s::text
ORDER BY r.refused_at, r.key_id
