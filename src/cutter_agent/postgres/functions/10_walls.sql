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

CREATE OR REPLACE FUNCTION cutter_migration.refuse_ddl() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_refused text;
BEGIN
  IF current_setting('cutter.migration', true) = 'on' THEN
    RETURN;
  END IF;
  -- It runs as whoever gave the command, so it calls no function of ours: others may not execute those.
  IF TG_TAG IN ('GRANT', 'REVOKE', 'ALTER DEFAULT PRIVILEGES') THEN
    v_refused := TG_TAG;  -- these report no schema, so their tag alone refuses them
  ELSIF TG_EVENT = 'sql_drop' THEN
    SELECT o.object_type || ' ' || o.object_identity INTO v_refused
    FROM pg_event_trigger_dropped_objects() AS o
    -- Triggers, rules and policies report no schema; their identity ends in `on schema.table`.
    WHERE NOT o.is_temporary AND coalesce(o.schema_name, o.object_identity)
      ~ '(^| on )(iu|cutter_governance|cutter_migration)(\.|$)'
    LIMIT 1;
  ELSE
    SELECT o.command_tag || ' ' || coalesce(o.object_identity, '') INTO v_refused
    FROM pg_event_trigger_ddl_commands() AS o
    WHERE coalesce(o.schema_name, o.object_identity, '')
      ~ '(^| on )(iu|cutter_governance|cutter_migration)(\.|$)'
    LIMIT 1;
  END IF;
  IF v_refused IS NOT NULL THEN
    RAISE EXCEPTION '% is refused outside a migration', v_refused USING ERRCODE = 'CU002';
  END IF;
END;
$$;
-- In a schema of its own: dropped with the schema it guards, its event triggers would go with it.
COMMENT ON FUNCTION cutter_migration.refuse_ddl() IS
  'Refuses every change of shape, owner or grant of our schemas outside a migration.';
