-- Event triggers: our schemas keep their shape outside a migration. Only a superuser can make them.

DROP EVENT TRIGGER IF EXISTS cutter_refuse_ddl;
DROP EVENT TRIGGER IF EXISTS cutter_refuse_drop;
CREATE EVENT TRIGGER cutter_refuse_ddl ON ddl_command_end EXECUTE FUNCTION cutter_migration.refuse_ddl();
CREATE EVENT TRIGGER cutter_refuse_drop ON sql_drop EXECUTE FUNCTION cutter_migration.refuse_ddl();
ALTER EVENT TRIGGER cutter_refuse_ddl ENABLE ALWAYS;
ALTER EVENT TRIGGER cutter_refuse_drop ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER cutter_refuse_ddl IS 'Refuses changes of our schemas outside a migration.';
COMMENT ON EVENT TRIGGER cutter_refuse_drop IS 'Refuses dropping anything of our schemas outside a migration.';
