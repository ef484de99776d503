-- The leaves of a manifest as they were recorded, in order.
SELECT b.leaf_sha256::bytea AS leaf_sha256
FROM cutter_governance.manifest_unit_block AS b
WHERE b.envelope_id = %(envelope_id)s::text::uuid
ORDER BY b.position
