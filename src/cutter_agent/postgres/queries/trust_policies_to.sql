-- The trust policies from the first to the one with this digest, and when each was accepted.
SELECT t.version, t.sha256::bytea AS sha256, t.body,
  to_char(t.accepted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS accepted_utc
FROM cutter_governance.trust_policy AS t
WHERE t.version <= (SELECT p.version FROM cutter_governance.trust_policy AS p WHERE p.sha256 = %(sha256)s)
ORDER BY t.version
