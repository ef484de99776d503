-- The units that were in force when a change set was enacted, by address: enacted by an earlier change set, and ended by
-- none that is earlier.
SELECT v.unit_id::text AS unit_id, v.version_id::text AS version_id, v.version_no, v.address, v.kind,
  v.parent_address AS parent, encode(v.body_sha256, 'hex') AS body_sha256, v.alias, v.heading, v.num
FROM cutter_governance.cut_change_set AS this
JOIN iu.lifecycle_log AS l ON l.document_id = this.document_id AND l.to_state = 'enacted'
JOIN cutter_governance.cut_change_set AS began
  ON began.document_id = l.document_id AND began.change_set_id = l.change_set_id AND began.closed_at < this.closed_at
JOIN iu.unit_version AS v ON v.document_id = l.document_id AND v.version_id = l.version_id
WHERE this.change_set_id = %(change_set_id)s::text::uuid
  AND NOT EXISTS (
    SELECT FROM iu.lifecycle_log AS e
    JOIN cutter_governance.cut_change_set AS ended
      ON ended.document_id = e.document_id AND ended.change_set_id = e.change_set_id
    WHERE e.document_id = l.document_id AND e.version_id = l.version_id AND e.to_state IN ('superseded', 'retired')
      AND ended.closed_at < this.closed_at)
ORDER BY v.address
