-- Trigger functions: what was written stays, and our schemas keep their shape outside a migration.

CREATE OR REPLACE FUNCTION cutter_governance.refuse_mutation() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '% of %.% is refused: what was written stays', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
    USING ERRCODE = 'CU001';
END;
$$;
COMMENT ON FUNCTION cutter_governance.refuse_mutation() IS 'Refuses the statement: the table only grows.';

CREATE OR REPLACE FUNCTION cutter_governance.refuse_other_columns() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF to_jsonb(OLD) - TG_ARGV::text[] IS DISTINCT FROM to_jsonb(NEW) - TG_ARGV::text[] THEN
    RAISE EXCEPTION 'update of %.% is refused: only % may change', TG_TABLE_SCHEMA, TG_TABLE_NAME,
      array_to_string(TG_ARGV::text[], ', ')
      USING ERRCODE = 'CU001';
  END IF;
  RETURN NEW;
END;
$$;
COMMENT ON FUNCTION cutter_governance.refuse_other_columns() IS
  'Refuses an update of any column but those named as the trigger''s arguments.';

CREATE OR REPLACE FUNCTION cutter_governance.refuse_ddl() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- GRANT, REVOKE and ALTER DEFAULT PRIVILEGES report no schema, so their tag alone refuses them.
  v_refused text;
BEGIN
  IF current_setting('cutter.migration', true) = 'on' THEN
    RETURN;
  END IF;
  IF TG_TAG IN ('GRANT', 'REVOKE', 'ALTER DEFAULT PRIVILEGES') THEN
    v_refused := TG_TAG;
  ELSIF TG_EVENT = 'sql_drop' THEN
    SELECT d.object_type || ' ' || d.object_identity INTO v_refused
    FROM pg_event_trigger_dropped_objects() AS d
    WHERE NOT d.is_temporary AND cutter_governance.is_ours(d.schema_name, d.object_identity)
    LIMIT 1;
  ELSE
    SELECT c.command_tag || ' ' || coalesce(c.object_identity, '') INTO v_refused
    FROM pg_event_trigger_ddl_commands() AS c
    WHERE cutter_governance.is_ours(c.schema_name, c.object_identity)
    LIMIT 1;
  END IF;
  IF v_refused IS NOT NULL THEN
    RAISE EXCEPTION '% is refused outside a migration', v_refused USING ERRCODE = 'CU002';
  END IF;
END;
$$;
COMMENT ON FUNCTION cutter_governance.refuse_ddl() IS
  'Refuses every change of shape, owner or grant of our schemas outside a migration.';

CREATE OR REPLACE FUNCTION cutter_governance.is_ours(p_schema text, p_identity text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  -- Triggers, rules and policies report no schema; their identity ends in `on schema.table`.
  SELECT coalesce(
    p_schema IN ('iu', 'cutter_governance', 'cutter_migration')
    OR p_identity IN ('iu', 'cutter_governance', 'cutter_migration')
    OR p_schema IS NULL AND p_identity ~ ' on (iu|cutter_governance|cutter_migration)\.',
    false);
$$;
COMMENT ON FUNCTION cutter_governance.is_ours(text, text) IS 'True if the object lies in one of our schemas.';
