-- The leaves of a manifest in order, computed from the units' rows and the texts as they are now.
SELECT iu.leaf_sha256(v.address, v.kind, v.parent_address, b.ordinal, sha256(convert_to(t.body, 'UTF8')),
  v.alias, v.heading, v.num)
FROM cutter_governance.manifest_envelope AS e
JOIN cutter_governance.manifest_unit_block AS b ON b.document_id = e.document_id AND b.envelope_id = e.envelope_id
JOIN iu.unit_version AS v ON v.document_id = b.document_id AND v.version_id = b.version_id
JOIN iu.text_blob AS t ON t.sha256 = v.body_sha256
WHERE e.envelope_id = %(envelope_id)s::text::uuid
ORDER BY b.position
