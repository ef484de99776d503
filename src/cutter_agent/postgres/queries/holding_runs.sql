-- The runs that hold these documents now, by document.
SELECT r.document_id::text AS document_id, r.run_id::text AS run_id
FROM cutter_governance.run AS r
WHERE r.holds_document AND r.document_id = ANY (%(document_ids)s::text[])
