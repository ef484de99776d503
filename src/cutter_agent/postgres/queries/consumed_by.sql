-- The run that used this approval.
SELECT u.run_id::text
FROM cutter_governance.approval_use AS u
WHERE u.request_sha256 = decode(%(request_sha256)s::text, 'hex')
