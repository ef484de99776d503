-- Every document with its newest source version, how many units are in force, and the newest cut that enacted them.
SELECT d.document_id::text AS document_id, d.title, v.version_no, v.byte_len, v.profile_name,
  encode(v.sha256, 'hex') AS sha256,
  (SELECT count(*) FROM iu.unit_in_force AS f WHERE f.document_id = d.document_id AND f.ended_at IS NULL) AS in_force,
  e.version_no AS enacted_version_no, e.run_id, e.closed_at
FROM iu.source_document AS d
JOIN LATERAL (SELECT s.* FROM iu.source_version AS s WHERE s.document_id = d.document_id
              ORDER BY s.version_no DESC LIMIT 1) AS v ON true
LEFT JOIN LATERAL (SELECT c.run_id::text AS run_id, c.closed_at, s.version_no
                   FROM cutter_governance.cut_change_set AS c
                   JOIN iu.source_version AS s ON s.source_version_id = c.source_version_id
                   WHERE c.document_id = d.document_id AND c.state = 'enacted'
                   ORDER BY c.closed_at DESC LIMIT 1) AS e ON true
ORDER BY d.document_id
LIMIT %(limit)s
