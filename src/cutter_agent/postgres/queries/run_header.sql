-- What was fixed when the run was created, and how it stands.
SELECT r.run_id::text, r.document_id, r.starter, r.created_at, r.candidate_cap, r.fence
FROM cutter_governance.run AS r
WHERE r.run_id = %(run_id)s::text
