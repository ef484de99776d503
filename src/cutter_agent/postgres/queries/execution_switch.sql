-- How the execution switch stands; no row means off.
SELECT s.armed, s.reason, s.actor, s.set_at FROM cutter_governance.execution_switch AS s ORDER BY s.seq DESC LIMIT 1
