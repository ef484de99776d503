-- Every version that a change set wrote, by address; the text is hashed anew by the server.
SELECT v.unit_id::text, v.version_id::text, v.version_no, v.source_version_id::text, v.address, v.kind,
  v.parent_address, v.ordinal, v.own_spans, v.alias, v.heading, v.num, v.body_sha256::bytea,
  sha256(convert_to(b.body, 'UTF8')),
  (SELECT l.to_state::text FROM iu.lifecycle_log AS l
   WHERE l.document_id = v.document_id AND l.version_id = v.version_id ORDER BY l.seq DESC LIMIT 1)
FROM cutter_governance.cut_change_set AS c
JOIN iu.unit_version AS v ON v.document_id = c.document_id AND v.change_set_id = c.change_set_id
JOIN iu.text_blob AS b ON b.sha256 = v.body_sha256
WHERE c.change_set_id = %(change_set_id)s::text::uuid
ORDER BY v.address
