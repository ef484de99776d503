-- The file that a source version's text was read from; null where the text is the file.
SELECT v.original_body FROM iu.source_version AS v
WHERE v.source_version_id = %(source_version_id)s::text::uuid
