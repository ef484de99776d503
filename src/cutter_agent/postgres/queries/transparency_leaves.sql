-- The leaves of the transparency log, in order.
SELECT t.leaf_sha256::bytea FROM cutter_governance.transparency_log AS t ORDER BY t.seq
