-- Runs: opened, held, claimed, written into, ended. All of it works with the execution switch off.

CREATE OR REPLACE FUNCTION cutter_governance.fn_run_open(
  p_run_id text, p_document_id text, p_starter text, p_candidate_cap integer, p_created_at timestamptz, p_payload bytea
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_status text := 'created';
BEGIN
  INSERT INTO cutter_governance.run (run_id, document_id, starter, candidate_cap, created_at, holds_document)
  VALUES (p_run_id, p_document_id, p_starter, p_candidate_cap, p_created_at, false)
  ON CONFLICT ON CONSTRAINT run_once DO NOTHING;
  IF NOT FOUND THEN
    v_status := 'exists_complete';
    IF NOT EXISTS (
      SELECT FROM cutter_governance.run AS r JOIN cutter_governance.run_event AS e ON e.run_id = r.run_id AND e.seq = 1
      WHERE r.run_id = p_run_id AND r.document_id = p_document_id AND r.starter = p_starter AND e.payload = p_payload
    ) THEN
      RETURN jsonb_build_object('status', 'exists_conflict', 'holder', NULL, 'sentence', 'another run has this id');
    END IF;
  ELSE
    INSERT INTO cutter_governance.run_event (run_id, seq, kind, payload) VALUES (p_run_id, 1, 'opened', p_payload);
  END IF;
  RETURN jsonb_build_object('status', v_status, 'holder', cutter_governance.run_take_hold(p_run_id));
END;
$$;
COMMENT ON FUNCTION cutter_governance.fn_run_open(text, text, text, integer, timestamptz, bytea) IS
  'The run exists with its first event and holds its document, unless the answer names another holder.';

CREATE OR REPLACE FUNCTION cutter_governance.run_take_hold(p_run_id text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_document_id text;
  v_holder text;
BEGIN
  SELECT r.document_id INTO v_document_id FROM cutter_governance.run AS r WHERE r.run_id = p_run_id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no run %', p_run_id USING ERRCODE = 'CU014';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('cutter/hold/' || v_document_id, 0));
  SELECT r.run_id INTO v_holder FROM cutter_governance.run AS r
  WHERE r.document_id = v_document_id AND r.holds_document;
  IF v_holder IS NULL THEN
    UPDATE cutter_governance.run AS r SET holds_document = true WHERE r.run_id = p_run_id AND r.outcome IS NULL;
  END IF;
  RETURN nullif(v_holder, p_run_id);
END;
$$;
COMMENT ON FUNCTION cutter_governance.run_take_hold(text) IS
  'Null and the run holds its document (unless it is over), or the run that holds it instead.';

CREATE OR REPLACE FUNCTION cutter_governance.fn_run_hold(p_run_id text) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_object('status', CASE WHEN h.holder IS NULL THEN 'held' ELSE 'busy' END, 'holder', h.holder)
  FROM (SELECT cutter_governance.run_take_hold(p_run_id) AS holder) AS h;
$$;
COMMENT ON FUNCTION cutter_governance.fn_run_hold(text) IS
  'The run holds its document, unless the answer names another holder.';

CREATE OR REPLACE FUNCTION cutter_governance.fn_run_claim(p_run_id text, p_driver text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_run cutter_governance.run;
  v_seq integer;
BEGIN
  -- A row that somebody else holds is busy, not worth waiting for: there are other runs.
  SELECT r.* INTO v_run FROM cutter_governance.run AS r WHERE r.run_id = p_run_id FOR NO KEY UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    IF EXISTS (SELECT FROM cutter_governance.run AS r WHERE r.run_id = p_run_id) THEN
      RAISE EXCEPTION 'another process works on run % now', p_run_id USING ERRCODE = 'CU011';
    END IF;
    RAISE EXCEPTION 'there is no run %', p_run_id USING ERRCODE = 'CU014';
  END IF;
  IF v_run.outcome IS NOT NULL THEN
    RETURN jsonb_build_object('status', 'over', 'fence', v_run.fence, 'outcome', v_run.outcome);
  END IF;
  UPDATE cutter_governance.run AS r SET fence = r.fence + 1 WHERE r.run_id = p_run_id;
  SELECT max(e.seq) INTO v_seq FROM cutter_governance.run_event AS e WHERE e.run_id = p_run_id;
  INSERT INTO cutter_governance.lane AS l (document_id, run_id, fence, driver, seq)
  VALUES (v_run.document_id, p_run_id, v_run.fence + 1, p_driver, v_seq)
  ON CONFLICT ON CONSTRAINT lane_one_per_document DO UPDATE
  SET run_id = excluded.run_id, fence = excluded.fence, driver = excluded.driver, claimed_at = excluded.claimed_at,
    claims = CASE WHEN l.run_id = excluded.run_id AND l.seq = excluded.seq THEN l.claims + 1 ELSE 1 END,
    seq = excluded.seq;
  RETURN jsonb_build_object('status', 'claimed', 'fence', v_run.fence + 1, 'outcome', NULL);
END;
$$;
COMMENT ON FUNCTION cutter_governance.fn_run_claim(text, text) IS
  'The run''s fence has grown by one: claims before this one change nothing any more. A run that is over stays.';

CREATE OR REPLACE FUNCTION cutter_governance.fn_run_append(
  p_run_id text, p_fence bigint, p_seq integer, p_kind text, p_payload bytea,
  p_names text[], p_sha256s bytea[], p_bodies text[]
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_last cutter_governance.run_event;
  v_of_verifier boolean := coalesce(
    p_kind = 'phase' AND (convert_from(p_payload, 'UTF8')::jsonb #>> '{body,phase}') = 'write_verify', false);
BEGIN
  -- session_user: current_user is the owner in here, whoever calls.
  IF v_of_verifier IS DISTINCT FROM (session_user = 'cutter_verify') THEN
    RAISE EXCEPTION '% may not append this % event', session_user, p_kind USING ERRCODE = 'CU020';
  END IF;
  PERFORM cutter_governance.guard_run(p_run_id, p_fence);
  SELECT e.* INTO v_last FROM cutter_governance.run_event AS e WHERE e.run_id = p_run_id ORDER BY e.seq DESC LIMIT 1;
  IF v_last.seq = p_seq AND v_last.kind = p_kind AND v_last.payload = p_payload THEN
    RETURN jsonb_build_object('status', 'exists_complete', 'seq', p_seq, 'sha256', encode(v_last.sha256, 'hex'));
  END IF;
  IF v_last.seq IS DISTINCT FROM p_seq - 1 THEN
    RETURN jsonb_build_object('status', 'exists_conflict', 'seq', v_last.seq,
      'sentence', format('the newest event is %s, so this one cannot be %s', v_last.seq, p_seq));
  END IF;
  INSERT INTO cutter_governance.run_event (run_id, seq, kind, payload, prev_sha256)
  VALUES (p_run_id, p_seq, p_kind, p_payload, v_last.sha256);
  INSERT INTO cutter_governance.run_document (run_id, name, seq, sha256, body)
  SELECT p_run_id, d.name, p_seq, d.sha256, d.body FROM unnest(p_names, p_sha256s, p_bodies) AS d (name, sha256, body)
  WHERE NOT EXISTS (SELECT FROM cutter_governance.run_document AS o
                    WHERE o.run_id = p_run_id AND o.name = d.name AND o.sha256 = d.sha256);
  RETURN jsonb_build_object('status', 'created', 'seq', p_seq);
END;
$$;
COMMENT ON FUNCTION cutter_governance.fn_run_append(text, bigint, integer, text, bytea, text[], bytea[], text[]) IS
  'The run''s newest event is this one, and its documents are recorded. Only the verifier''s login records write_verify.';

CREATE OR REPLACE FUNCTION cutter_governance.fn_run_end(p_run_id text, p_fence bigint, p_outcome text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_set cutter_governance.cut_change_set;
  v_withdrawn integer := 0;
BEGIN
  IF EXISTS (SELECT FROM cutter_governance.run AS r
             WHERE r.run_id = p_run_id AND r.fence = p_fence AND r.outcome = p_outcome) THEN
    RETURN jsonb_build_object('status', 'exists_complete', 'withdrawn', 0);
  END IF;
  PERFORM cutter_governance.guard_run(p_run_id, p_fence);
  IF p_outcome IS NULL THEN
    RAISE EXCEPTION 'run % ends with an outcome', p_run_id USING ERRCODE = 'CU016';
  END IF;
  IF p_outcome = 'voided' AND NOT EXISTS (
      SELECT FROM cutter_governance.approval_use AS u
      WHERE u.run_id = p_run_id AND u.gate = 'SG_3_failure_escalation' AND u.decision = 'void') THEN
    RAISE EXCEPTION 'run % has used no approval of SG_3_failure_escalation to void it', p_run_id USING ERRCODE = 'CU012';
  END IF;
  SELECT c.* INTO v_set FROM cutter_governance.cut_change_set AS c WHERE c.run_id = p_run_id AND c.state = 'open';
  IF FOUND THEN
    IF p_outcome = 'closed' THEN
      RAISE EXCEPTION 'run % cannot close with an open change set', p_run_id USING ERRCODE = 'CU016';
    END IF;
    INSERT INTO iu.lifecycle_log (document_id, version_id, seq, from_state, to_state, change_set_id)
    SELECT v.document_id, v.version_id, 2, 'draft', 'withdrawn', v_set.change_set_id
    FROM iu.unit_version AS v
    WHERE v.document_id = v_set.document_id AND v.change_set_id = v_set.change_set_id;
    GET DIAGNOSTICS v_withdrawn = ROW_COUNT;
    UPDATE cutter_governance.cut_change_set AS c SET state = 'withdrawn', closed_at = clock_timestamp()
    WHERE c.change_set_id = v_set.change_set_id;
  END IF;
  UPDATE cutter_governance.run AS r SET outcome = p_outcome, ended_at = clock_timestamp(), holds_document = false
  WHERE r.run_id = p_run_id;
  RETURN jsonb_build_object('status', 'created', 'withdrawn', v_withdrawn);
END;
$$;
COMMENT ON FUNCTION cutter_governance.fn_run_end(text, bigint, text) IS
  'The run is over, its document is free, its drafts, if not enacted, are withdrawn. Voided only by a used SG_3 approval.';
