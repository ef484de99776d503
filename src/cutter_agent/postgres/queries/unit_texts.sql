-- Every version that was ever in force at an address, the newest first, with its text.
SELECT v.version_no, s.version_no AS source_version_no, c.run_id::text AS run_id, convert_to(t.body, 'UTF8') AS body,
  f.effective_from::text AS effective_from, f.effective_until::text AS effective_until, f.ended_at IS NULL AS in_force
FROM iu.unit_in_force AS f
JOIN iu.unit_version AS v ON v.document_id = f.document_id AND v.version_id = f.version_id
JOIN iu.text_blob AS t ON t.sha256 = v.body_sha256
JOIN iu.source_version AS s ON s.document_id = v.document_id AND s.source_version_id = v.source_version_id
JOIN cutter_governance.cut_change_set AS c ON c.document_id = v.document_id AND c.change_set_id = v.change_set_id
WHERE f.document_id = %(document_id)s::text AND f.address = %(address)s::text
ORDER BY f.enacted_at DESC, v.version_no DESC
LIMIT 1000
