-- The change sets of a document that were enacted, the newest first.
SELECT c.change_set_id::text AS change_set_id
FROM cutter_governance.cut_change_set AS c
WHERE c.document_id = %(document_id)s::text AND c.state = 'enacted'
ORDER BY c.closed_at DESC
LIMIT 1000
