-- What happened in the deployment's database, newest first: events of runs, turns of the switch, policies.
SELECT t.at_utc, t.source, t.document_id, t.run_id, t.seq, t.kind, t.login, t.body
FROM (
  SELECT to_char(e.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS at_utc, e.recorded_at AS at,
    'run' AS source, r.document_id::text AS document_id, e.run_id::text AS run_id, e.seq::bigint AS seq,
    e.kind::text AS kind, e.recorded_by::text AS login, convert_from(e.payload, 'UTF8') AS body
  FROM cutter_governance.run_event AS e
  JOIN cutter_governance.run AS r ON r.run_id = e.run_id
  UNION ALL
  SELECT to_char(s.set_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), s.set_at, 'switch', '', '', s.seq,
    CASE WHEN s.armed THEN 'armed' ELSE 'disarmed' END, s.set_by::text, s.actor || ': ' || s.reason
  FROM cutter_governance.execution_switch AS s
  UNION ALL
  SELECT to_char(p.accepted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), p.accepted_at, 'policy', '', '',
    p.version, 'accepted', p.accepted_by::text, convert_from(p.body, 'UTF8')
  FROM cutter_governance.trust_policy AS p
) AS t
WHERE (%(document)s::text = '' OR t.document_id = %(document)s::text)
  AND (%(run)s::text = '' OR t.run_id = %(run)s::text)
  AND (%(kind)s::text = '' OR t.kind = %(kind)s::text OR t.source = %(kind)s::text)
  AND (%(since)s::text = '' OR t.at_utc >= %(since)s::text)
  AND (%(until)s::text = '' OR t.at_utc <= %(until)s::text)
  AND (%(words)s::text = '' OR position(lower(%(words)s::text) IN lower(t.body)) > 0)
ORDER BY t.at DESC, t.run_id DESC, t.seq DESC
LIMIT %(limit)s::integer OFFSET %(offset)s::bigint
