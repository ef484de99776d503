-- The version in force at an address on a day, today by the database's clock if none is named, with its text and the
-- seals of the manifest that brought it. Where days overlap, what was enacted last counts.
SELECT v.address, v.kind, v.parent_address AS parent, b.ordinal, v.alias, v.heading, v.num, b.position,
  convert_to(t.body, 'UTF8') AS body, f.effective_from::text AS effective_from, f.effective_until::text AS effective_until,
  c.run_id::text AS run_id, v.source_version_id::text AS source_version_id, e.envelope_id::text AS envelope_id,
  e.dsse AS executor_envelope, r.dsse AS verifier_envelope
FROM (SELECT coalesce(%(as_of)s::text::date, (clock_timestamp() AT TIME ZONE 'UTC')::date) AS day) AS asked
JOIN iu.unit_in_force AS f
  ON f.effective_from <= asked.day AND (f.effective_until IS NULL OR f.effective_until > asked.day)
JOIN iu.unit_version AS v ON v.document_id = f.document_id AND v.version_id = f.version_id
JOIN iu.text_blob AS t ON t.sha256 = v.body_sha256
JOIN cutter_governance.cut_change_set AS c ON c.document_id = v.document_id AND c.change_set_id = v.change_set_id
JOIN cutter_governance.manifest_envelope AS e ON e.document_id = c.document_id AND e.change_set_id = c.change_set_id
JOIN cutter_governance.manifest_unit_block AS b
  ON b.document_id = e.document_id AND b.envelope_id = e.envelope_id AND b.version_id = v.version_id
JOIN cutter_governance.verify_result AS r ON r.document_id = e.document_id AND r.envelope_id = e.envelope_id
WHERE f.document_id = %(document_id)s::text AND f.address = %(address)s::text
ORDER BY f.enacted_at DESC
LIMIT 1
