-- Every version that was ever in force at an address, the newest first, with its text; and which one is in force today by
-- the database's clock. Where days overlap, what was enacted last counts.
SELECT v.version_no, s.version_no AS source_version_no, c.run_id::text AS run_id, convert_to(t.body, 'UTF8') AS body,
  f.effective_from::text AS effective_from, f.effective_until::text AS effective_until,
  f.counts AND count(*) FILTER (WHERE f.counts) OVER (ORDER BY f.enacted_at DESC, v.version_no DESC) = 1 AS in_force
FROM (
  SELECT u.*, u.effective_from <= today.day AND (u.effective_until IS NULL OR u.effective_until > today.day) AS counts
  FROM (SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS day) AS today CROSS JOIN iu.unit_in_force AS u
) AS f
JOIN iu.unit_version AS v ON v.document_id = f.document_id AND v.version_id = f.version_id
JOIN iu.text_blob AS t ON t.sha256 = v.body_sha256
JOIN iu.source_version AS s ON s.document_id = v.document_id AND s.source_version_id = v.source_version_id
JOIN cutter_governance.cut_change_set AS c ON c.document_id = v.document_id AND c.change_set_id = v.change_set_id
WHERE f.document_id = %(document_id)s::text AND f.address = %(address)s::text
ORDER BY f.enacted_at DESC, v.version_no DESC
LIMIT 1000
