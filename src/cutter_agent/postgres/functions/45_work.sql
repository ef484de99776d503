-- Work for other machines: signatures that travel, and hints that a run can go on. A hint may be lost or doubled.

CREATE OR REPLACE FUNCTION cutter_governance.wake(p_run_id text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, cutter_queue, pg_temp SET lock_timeout = '2s' AS $$
BEGIN
  -- The block is a savepoint: a queue that is missing, broken or busy never takes the caller's transaction with it.
  PERFORM cutter_queue.procrastinate_defer_jobs_v1(ARRAY[
    ROW('cutter', 'drive_run', 0, NULL, p_run_id, jsonb_build_object('run_id', p_run_id), NULL)
      ::cutter_queue.procrastinate_job_to_defer_v1]);
  RETURN true;
EXCEPTION
  WHEN unique_violation THEN
    RETURN true;  -- a hint for this run waits already
  WHEN OTHERS THEN
    RETURN false;
END;
$$;
COMMENT ON FUNCTION cutter_governance.wake(text) IS
  'True and a hint to drive the run waits in the queue, or false; whoever looks at the run table finds the run without it.';

CREATE OR REPLACE FUNCTION cutter_governance.fn_run_wake(p_run_id text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM cutter_governance.run AS r WHERE r.run_id = p_run_id) THEN
    RAISE EXCEPTION 'there is no run %', p_run_id USING ERRCODE = 'CU014';
  END IF;
  RETURN jsonb_build_object('status', 'created', 'hinted', cutter_governance.wake(p_run_id));
END;
$$;
COMMENT ON FUNCTION cutter_governance.fn_run_wake(text) IS 'Workers are told to look at the run, if there is a queue to tell them.';

CREATE OR REPLACE FUNCTION cutter_governance.fn_signature_offer(
  p_run_id text, p_request_name text, p_person text, p_rejects boolean, p_armour bytea
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_outcome text;
BEGIN
  SELECT r.outcome INTO v_outcome FROM cutter_governance.run AS r WHERE r.run_id = p_run_id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no run %', p_run_id USING ERRCODE = 'CU014';
  END IF;
  IF v_outcome IS NOT NULL THEN
    RAISE EXCEPTION 'run % is over: %', p_run_id, v_outcome USING ERRCODE = 'CU012';
  END IF;
  IF 64 <= (SELECT count(*) FROM cutter_governance.offered_signature AS o
            WHERE o.run_id = p_run_id AND o.request_name = p_request_name
              AND (o.person, o.rejects) IS DISTINCT FROM (p_person, p_rejects)) THEN
    RAISE EXCEPTION 'more than 64 signatures are offered beside %', p_request_name USING ERRCODE = 'CU012';
  END IF;
  INSERT INTO cutter_governance.offered_signature AS o (run_id, request_name, person, rejects, armour)
  VALUES (p_run_id, p_request_name, p_person, p_rejects, p_armour)
  ON CONFLICT ON CONSTRAINT offered_signature_newest_of_a_person DO UPDATE
  SET armour = excluded.armour, offered_at = excluded.offered_at, offered_by = excluded.offered_by;
  RETURN jsonb_build_object('status', 'created', 'hinted', cutter_governance.wake(p_run_id));
END;
$$;
COMMENT ON FUNCTION cutter_governance.fn_signature_offer(text, text, text, boolean, bytea) IS
  'The signature lies beside the request for whoever drives the run, unjudged, and workers are told in the same transaction.';
