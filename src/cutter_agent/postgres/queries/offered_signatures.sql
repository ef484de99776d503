-- Signatures that were offered beside one request of a run.
SELECT o.person, o.rejects, o.armour FROM cutter_governance.offered_signature AS o
WHERE o.run_id = %(run_id)s AND o.request_name = %(request_name)s ORDER BY o.person, o.rejects
