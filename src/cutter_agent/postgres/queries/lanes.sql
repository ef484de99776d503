-- Who drove each document last, and whether somebody drives it now: the lock of the session that does.
SELECT l.document_id, l.run_id::text AS run_id, l.driver, l.fence,
  to_char(l.claimed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS claimed_utc,
  EXISTS (
    SELECT FROM pg_locks AS k
    WHERE k.locktype = 'advisory' AND k.granted AND k.objsubid = 1
      AND k.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
      AND (k.classid::bigint << 32) | k.objid::bigint = hashtextextended('cutter/drive/' || l.run_id, 0)
  ) AS driven
FROM cutter_governance.lane AS l
ORDER BY driven DESC, l.claimed_at DESC
LIMIT %(limit)s::integer
