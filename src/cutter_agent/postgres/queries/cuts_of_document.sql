-- Every cut of a document that wrote anything, the newest first.
SELECT c.run_id::text AS run_id, s.version_no, c.state, c.created, c.changed, c.kept, c.retired, c.minted_at, c.closed_at
FROM cutter_governance.cut_change_set AS c
JOIN iu.source_version AS s ON s.source_version_id = c.source_version_id
WHERE c.document_id = %(document_id)s::text
ORDER BY c.minted_at DESC
LIMIT %(limit)s
