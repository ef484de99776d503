-- The trust policy with this digest.
SELECT t.version, t.body
FROM cutter_governance.trust_policy AS t
WHERE t.sha256 = %(sha256)s
