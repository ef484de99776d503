-- The digest of the trust policy that counts, without its bytes.
SELECT encode(t.sha256, 'hex') AS sha256 FROM cutter_governance.trust_policy AS t ORDER BY t.version DESC LIMIT 1
