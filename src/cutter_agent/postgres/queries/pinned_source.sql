-- One source version by its id: its text, and the profile that it is read by.
SELECT v.document_id::text AS document_id, v.body, p.toml AS profile_toml
FROM iu.source_version AS v
JOIN iu.text_profile AS p ON p.sha256 = v.profile_sha256
WHERE v.source_version_id = %(source_version_id)s::text::uuid
