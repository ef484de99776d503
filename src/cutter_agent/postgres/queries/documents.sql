-- Every document with its newest source version, how many units are in force today by the database's clock, and the newest
-- cut that enacted any: what is open and has begun, and where nothing has, what ends later than today.
SELECT d.document_id::text AS document_id, d.title, v.version_no, v.byte_len, v.profile_name,
  encode(v.sha256, 'hex') AS sha256,
  (SELECT count(*) FROM iu.unit_in_force AS f
   WHERE f.document_id = d.document_id AND f.ended_at IS NULL AND f.effective_from <= today.day)
  + (SELECT count(DISTINCT f.address) FROM iu.unit_in_force AS f
     WHERE f.document_id = d.document_id AND f.ended_at IS NOT NULL
       AND f.effective_from <= today.day AND f.effective_until > today.day
       AND NOT EXISTS (SELECT FROM iu.unit_in_force AS o
                       WHERE o.document_id = f.document_id AND o.address = f.address AND o.ended_at IS NULL
                         AND o.effective_from <= today.day)) AS in_force,
  e.version_no AS enacted_version_no, e.run_id, e.closed_at
FROM (SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS day) AS today CROSS JOIN iu.source_document AS d
JOIN LATERAL (SELECT s.* FROM iu.source_version AS s WHERE s.document_id = d.document_id
              ORDER BY s.version_no DESC LIMIT 1) AS v ON true
LEFT JOIN LATERAL (SELECT c.run_id::text AS run_id, c.closed_at, s.version_no
                   FROM cutter_governance.cut_change_set AS c
                   JOIN iu.source_version AS s ON s.source_version_id = c.source_version_id
                   WHERE c.document_id = d.document_id AND c.state = 'enacted'
                   ORDER BY c.closed_at DESC LIMIT 1) AS e ON true
ORDER BY d.document_id
LIMIT %(limit)s
