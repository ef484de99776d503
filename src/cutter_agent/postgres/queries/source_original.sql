-- The file that a source version's text was read from, and the map back to it; nulls where the text is the file.
SELECT v.original_body, v.original_media_type, v.text_trust, v.map_body FROM iu.source_version AS v
WHERE v.source_version_id = %(source_version_id)s::text::uuid
