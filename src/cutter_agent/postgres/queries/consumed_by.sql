-- The run that used this approval: by the row of its use, and by the log if that row is gone.
SELECT u.run_id::text
FROM cutter_governance.approval_use AS u
WHERE u.request_sha256 = decode(%(request_sha256)s::text, 'hex')
UNION ALL
SELECT convert_from(t.payload, 'UTF8')::jsonb ->> 'run_id'
FROM cutter_governance.transparency_log AS t
WHERE t.kind = 'approval_use' AND position(convert_to(%(request_sha256)s::text, 'UTF8') IN t.payload) > 0
LIMIT 1
