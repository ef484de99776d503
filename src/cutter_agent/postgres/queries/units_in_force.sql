-- A page of the units in force today by the database's clock, in the order of the newest manifest, with the first words of
-- each: what is open and has begun, and where nothing has, what ends later than today.
WITH today AS (SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS day),
begun AS (
  SELECT f.document_id, f.version_id, f.address, f.effective_from
  FROM today JOIN iu.unit_in_force AS f ON f.effective_from <= today.day
  WHERE f.document_id = %(document_id)s::text AND f.ended_at IS NULL
),
ending AS (
  SELECT DISTINCT ON (f.address) f.document_id, f.version_id, f.address, f.effective_from
  FROM today JOIN iu.unit_in_force AS f ON f.effective_from <= today.day AND f.effective_until > today.day
  WHERE f.document_id = %(document_id)s::text AND f.ended_at IS NOT NULL
    AND NOT EXISTS (SELECT FROM begun WHERE begun.address = f.address)
  ORDER BY f.address, f.enacted_at DESC
)
SELECT v.address, v.kind, v.alias, v.num, v.heading, v.version_no, f.effective_from::text AS effective_from,
  left(t.body, %(chars)s::integer) AS opening
FROM (SELECT * FROM begun UNION ALL SELECT * FROM ending) AS f
JOIN iu.unit_version AS v ON v.document_id = f.document_id AND v.version_id = f.version_id
JOIN iu.text_blob AS t ON t.sha256 = v.body_sha256
LEFT JOIN (
  SELECT b.version_id, b.position
  FROM cutter_governance.manifest_unit_block AS b
  JOIN cutter_governance.manifest_envelope AS e ON e.document_id = b.document_id AND e.envelope_id = b.envelope_id
  WHERE e.document_id = %(document_id)s::text AND e.change_set_id = (
    SELECT c.change_set_id FROM cutter_governance.cut_change_set AS c
    WHERE c.document_id = %(document_id)s::text AND c.state = 'enacted' ORDER BY c.closed_at DESC LIMIT 1)
) AS place ON place.version_id = v.version_id
ORDER BY place.position, v.address
LIMIT %(limit)s OFFSET %(offset)s
