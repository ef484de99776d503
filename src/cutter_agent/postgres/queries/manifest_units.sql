-- Every unit of a manifest as its rows stand now, in order, with the leaf that was recorded for it; a row that is gone
-- leaves nulls. The reader hashes them itself: a function in the database could be made to lie.
SELECT b.position, encode(b.leaf_sha256, 'hex') AS recorded_leaf, b.ordinal, v.address, v.kind,
  v.parent_address AS parent, v.alias, v.heading, v.num, convert_to(t.body, 'UTF8') AS body,
  (SELECT l.to_state::text FROM iu.lifecycle_log AS l
   WHERE l.document_id = b.document_id AND l.version_id = b.version_id ORDER BY l.seq DESC LIMIT 1) AS state
FROM cutter_governance.manifest_unit_block AS b
LEFT JOIN iu.unit_version AS v ON v.document_id = b.document_id AND v.version_id = b.version_id
LEFT JOIN iu.text_blob AS t ON t.sha256 = v.body_sha256
WHERE b.envelope_id = %(envelope_id)s::text::uuid
ORDER BY b.position
