-- The approvals that a run used, in the order of their use, byte for byte.
SELECT a.request_sha256::bytea AS request_sha256, a.gate, a.decision, a.request
FROM cutter_governance.approval_use AS u
JOIN cutter_governance.approval AS a ON a.request_sha256 = u.request_sha256
WHERE u.run_id = %(run_id)s::text
ORDER BY a.gate, u.n
