-- Every run, newest first.
SELECT r.run_id::text FROM cutter_governance.run AS r ORDER BY r.run_id DESC LIMIT %(limit)s::integer
