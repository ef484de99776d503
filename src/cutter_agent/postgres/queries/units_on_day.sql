-- A page of the units in force on a day, in the order of the manifest that was newest among theirs, each with its first
-- words and with how many there are in all. Where days overlap, what was enacted last counts.
WITH held AS (
  SELECT DISTINCT ON (f.address) f.document_id, f.version_id, f.address, f.effective_from, f.enacted_at
  FROM iu.unit_in_force AS f
  WHERE f.document_id = %(document_id)s::text AND f.effective_from <= %(as_of)s::text::date
    AND (f.effective_until IS NULL OR f.effective_until > %(as_of)s::text::date)
  ORDER BY f.address, f.enacted_at DESC
)
SELECT v.address, v.kind, v.alias, v.num, v.heading, v.version_no, h.effective_from::text AS effective_from,
  left(t.body, %(chars)s::integer) AS opening, count(*) OVER () AS total
FROM held AS h
JOIN iu.unit_version AS v ON v.document_id = h.document_id AND v.version_id = h.version_id
JOIN iu.text_blob AS t ON t.sha256 = v.body_sha256
LEFT JOIN (
  SELECT b.version_id, b.position
  FROM cutter_governance.manifest_unit_block AS b
  JOIN cutter_governance.manifest_envelope AS e ON e.document_id = b.document_id AND e.envelope_id = b.envelope_id
  WHERE e.document_id = %(document_id)s::text AND e.change_set_id = (
    SELECT n.change_set_id FROM held JOIN iu.unit_version AS n
      ON n.document_id = held.document_id AND n.version_id = held.version_id
    ORDER BY held.enacted_at DESC LIMIT 1)
) AS place ON place.version_id = v.version_id
ORDER BY place.position, v.address
LIMIT %(limit)s OFFSET %(offset)s
