-- Telling: who listens hears of every event of a run as it is committed. A listener that was away looks for itself.

CREATE OR REPLACE FUNCTION cutter_governance.tell_of_event() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pg_notify('cutter_run', NEW.run_id::text);
  RETURN NULL;
END;
$$;
COMMENT ON FUNCTION cutter_governance.tell_of_event() IS
  'Listeners of cutter_run hear the id of the run whose history or signatures grew, once a transaction.';

CREATE OR REPLACE TRIGGER tell_of_event AFTER INSERT ON cutter_governance.run_event
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.tell_of_event();
ALTER TABLE cutter_governance.run_event ENABLE ALWAYS TRIGGER tell_of_event;

CREATE OR REPLACE TRIGGER tell_of_event AFTER INSERT OR UPDATE ON cutter_governance.offered_signature
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.tell_of_event();
ALTER TABLE cutter_governance.offered_signature ENABLE ALWAYS TRIGGER tell_of_event;
