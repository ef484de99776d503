-- The trust policy that counts: the newest accepted one.
SELECT t.version, t.body, t.sha256::bytea FROM cutter_governance.trust_policy AS t ORDER BY t.version DESC LIMIT 1
