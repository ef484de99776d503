-- The envelopes of a run: the executor's over its manifest, the verifier's over its result.
SELECT e.dsse AS executor_envelope, r.dsse AS verifier_envelope
FROM cutter_governance.cut_change_set AS c
JOIN cutter_governance.manifest_envelope AS e ON e.document_id = c.document_id AND e.change_set_id = c.change_set_id
JOIN cutter_governance.verify_result AS r ON r.document_id = e.document_id AND r.envelope_id = e.envelope_id
WHERE e.envelope_id = %(envelope_id)s::text::uuid
