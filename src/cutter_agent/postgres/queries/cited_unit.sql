-- The version in force at an address, now or on a day, with its text and the seals of the manifest that brought it.
SELECT v.address, v.kind, v.parent_address AS parent, b.ordinal, v.alias, v.heading, v.num, b.position,
  convert_to(t.body, 'UTF8') AS body, f.effective_from::text AS effective_from, f.effective_until::text AS effective_until,
  c.run_id::text AS run_id, v.source_version_id::text AS source_version_id, e.envelope_id::text AS envelope_id,
  e.dsse AS executor_envelope, r.dsse AS verifier_envelope
FROM iu.unit_in_force AS f
JOIN iu.unit_version AS v ON v.document_id = f.document_id AND v.version_id = f.version_id
JOIN iu.text_blob AS t ON t.sha256 = v.body_sha256
JOIN cutter_governance.cut_change_set AS c ON c.document_id = v.document_id AND c.change_set_id = v.change_set_id
JOIN cutter_governance.manifest_envelope AS e ON e.document_id = c.document_id AND e.change_set_id = c.change_set_id
JOIN cutter_governance.manifest_unit_block AS b
  ON b.document_id = e.document_id AND b.envelope_id = e.envelope_id AND b.version_id = v.version_id
JOIN cutter_governance.verify_result AS r ON r.document_id = e.document_id AND r.envelope_id = e.envelope_id
WHERE f.document_id = %(document_id)s::text AND f.address = %(address)s::text
  AND CASE WHEN %(as_of)s::text IS NULL THEN f.ended_at IS NULL
      ELSE f.effective_from <= %(as_of)s::text::date
        AND (f.effective_until IS NULL OR f.effective_until > %(as_of)s::text::date) END
ORDER BY f.enacted_at DESC
LIMIT 1
