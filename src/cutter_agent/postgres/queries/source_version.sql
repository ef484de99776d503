-- One source version by its id, with its text and its profile.
SELECT v.source_version_id::text AS source_version_id, v.document_id::text AS document_id, v.version_no,
  encode(v.sha256, 'hex') AS sha256, v.byte_len, v.media_type, v.effective_date::text AS effective_date,
  v.profile_name, encode(v.profile_sha256, 'hex') AS profile_sha256, p.toml AS profile_toml, v.body
FROM iu.source_version AS v
JOIN iu.text_profile AS p ON p.sha256 = v.profile_sha256
WHERE v.source_version_id = %(source_version_id)s::text::uuid
