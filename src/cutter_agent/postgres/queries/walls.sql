-- Which walls stand: one row each, and what was found where one does not.
WITH ours AS (
  SELECT n.oid, n.nspname, n.nspowner FROM pg_namespace AS n
  WHERE n.nspname IN ('iu', 'cutter_governance', 'cutter_migration')
), relation AS (
  SELECT c.oid, c.relname, c.relowner, c.relkind, format('%%I.%%I', o.nspname, c.relname) AS name
  FROM pg_class AS c JOIN ours AS o ON o.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
), routine AS (
  SELECT p.*, format('%%I.%%I', o.nspname, p.proname) AS name FROM pg_proc AS p JOIN ours AS o ON o.oid = p.pronamespace
), login (name) AS (
  VALUES ('cutter_reader'), ('cutter_exec'), ('cutter_verify'), ('cutter_review'), ('cutter_admin')
), fault (wall, found) AS (
  SELECT 'server_is_new_enough', 'version ' || current_setting('server_version')
  WHERE current_setting('server_version_num')::integer < 150000
  UNION ALL SELECT 'encoding_is_utf8', current_setting('server_encoding') WHERE current_setting('server_encoding') <> 'UTF8'
  UNION ALL SELECT 'roles_exist', l.name FROM login AS l WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = l.name)
  UNION ALL SELECT 'roles_are_ordinary', r.rolname FROM pg_roles AS r
  WHERE (r.rolname IN (SELECT l.name FROM login AS l) OR r.rolname = 'cutter_owner')
    AND (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls
      OR r.rolcanlogin AND r.rolname = 'cutter_owner')
  UNION ALL SELECT 'logins_belong_to_nobody', pg_get_userbyid(m.member) || ' in ' || pg_get_userbyid(m.roleid)
  FROM pg_auth_members AS m WHERE pg_get_userbyid(m.member) IN (SELECT l.name FROM login AS l)
  UNION ALL SELECT 'owner_owns_everything', r.name FROM relation AS r WHERE pg_get_userbyid(r.relowner) <> 'cutter_owner'
  UNION ALL SELECT 'owner_owns_everything', p.name FROM routine AS p WHERE pg_get_userbyid(p.proowner) <> 'cutter_owner'
  UNION ALL SELECT 'owner_owns_everything', o.nspname FROM ours AS o WHERE pg_get_userbyid(o.nspowner) <> 'cutter_owner'
  UNION ALL SELECT 'nobody_changes_tables', CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END || ' ' || a.privilege_type || ' ' || r.name
  FROM relation AS r JOIN pg_class AS c ON c.oid = r.oid, aclexplode(c.relacl) AS a
  WHERE a.grantee <> r.relowner AND a.privilege_type <> 'SELECT'
  UNION ALL SELECT 'nobody_changes_tables', 'column ' || r.name || '.' || t.attname
  FROM relation AS r JOIN pg_attribute AS t ON t.attrelid = r.oid WHERE t.attacl IS NOT NULL
  UNION ALL SELECT 'public_executes_nothing', p.name FROM routine AS p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
  WHERE a.grantee = 0
  UNION ALL SELECT 'new_functions_start_closed', 'no default privileges of cutter_owner'
  WHERE NOT EXISTS (
    SELECT FROM pg_default_acl AS d WHERE d.defaclrole = to_regrole('cutter_owner') AND d.defaclnamespace = 0
      AND d.defaclobjtype = 'f' AND NOT EXISTS (SELECT FROM aclexplode(d.defaclacl) AS a WHERE a.grantee = 0))
  UNION ALL SELECT 'definer_functions_pin_their_search_path', p.name FROM routine AS p
  WHERE p.prosecdef AND NOT coalesce(p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)
  UNION ALL SELECT 'database_is_closed_to_public', string_agg(a.privilege_type, ', ')
  FROM pg_database AS d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a
  WHERE d.datname = current_database() AND a.grantee = 0 HAVING count(*) > 0
  UNION ALL SELECT 'rows_stay_as_written', r.name FROM relation AS r
  WHERE r.relkind = 'r' AND r.name NOT IN ('cutter_governance.lane', 'cutter_governance.offered_signature',
    'cutter_migration.migration')
    AND (SELECT count(*) FROM pg_trigger AS t WHERE t.tgrelid = r.oid AND t.tgenabled = 'A'
         AND t.tgname IN ('rows_stay', 'table_stays')) <> 2
  UNION ALL SELECT 'foreign_keys_are_checked', r.name FROM relation AS r JOIN pg_trigger AS t ON t.tgrelid = r.oid
  WHERE t.tgisinternal AND t.tgenabled <> 'O'
  UNION ALL SELECT 'shape_is_frozen', w.name FROM (VALUES ('cutter_refuse_ddl'), ('cutter_refuse_drop')) AS w (name)
  WHERE NOT EXISTS (SELECT FROM pg_event_trigger AS e WHERE e.evtname = w.name AND e.evtenabled = 'A')
  UNION ALL SELECT 'builtins_write_nothing', p.oid::regprocedure::text FROM pg_proc AS p
  WHERE p.pronamespace = 'pg_catalog'::regnamespace AND has_function_privilege('cutter_reader', p.oid, 'EXECUTE')
    AND (p.proname = 'pg_logical_emit_message'
      -- From server 16 on, a read-only transaction refuses these by itself.
      OR p.proname IN ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_put', 'lo_truncate', 'lo_truncate64', 'lo_unlink', 'lowrite')
        AND current_setting('server_version_num')::integer < 160000)
)
SELECT f.wall, string_agg(f.found, ', ' ORDER BY f.found COLLATE "C") FROM fault AS f GROUP BY f.wall
