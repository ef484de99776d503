-- The leaves of a manifest in order, joined into one value of 32 bytes each, computed from the units'
-- rows and texts as they are now. Written out here, so that the verifier leans on no function that the
-- executor's way uses; sorted inside, so that leaves and not texts go through the sort.
SELECT string_agg(l.leaf, ''::bytea ORDER BY l.position)
FROM (
  SELECT b.position, sha256('\x00'::bytea || convert_to(
    '{"address":' || to_json(v.address)
    || ',"attributes":{"alias":' || to_json(v.alias) || ',"heading":' || to_json(v.heading) || ',"num":' || to_json(v.num)
    || '},"body_sha256":"' || encode(sha256(convert_to(t.body, 'UTF8')), 'hex')
    || '","kind":' || to_json(v.kind) || ',"ordinal":' || b.ordinal
    || ',"parent":' || coalesce(to_json(v.parent_address)::text, 'null') || ',"schema":"cutter.unit/1"}', 'UTF8')) AS leaf
  FROM cutter_governance.manifest_envelope AS e
  JOIN cutter_governance.manifest_unit_block AS b ON b.document_id = e.document_id AND b.envelope_id = e.envelope_id
  JOIN iu.unit_version AS v ON v.document_id = b.document_id AND v.version_id = b.version_id
  JOIN iu.text_blob AS t ON t.sha256 = v.body_sha256
  WHERE e.envelope_id = %(envelope_id)s::text::uuid
  ORDER BY b.position
) AS l
