-- Approvals: spent once in the whole database, in the transaction of their effect.

CREATE OR REPLACE FUNCTION cutter_governance.fn_approval_consume(
  p_run_id text, p_fence bigint, p_gate text, p_request bytea, p_persons text[], p_key_ids text[], p_armours bytea[]
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_run cutter_governance.run;
  v_sha256 bytea := sha256(p_request);
  v_header text;
  v_decision text := 'approve';
  v_expires timestamptz;
BEGIN
  IF num_nulls(p_run_id, p_fence, p_gate, p_request, p_persons, p_key_ids, p_armours) > 0 THEN
    RAISE EXCEPTION 'an approval is used by a run at a gate, with its request and its signatures: nothing of it is null'
      USING ERRCODE = 'CU012';
  END IF;
  IF EXISTS (SELECT FROM cutter_governance.approval_use AS u WHERE u.request_sha256 = v_sha256) THEN
    RAISE EXCEPTION 'approval % was used before', encode(v_sha256, 'hex') USING ERRCODE = 'CU013';
  END IF;
  v_run := cutter_governance.guard_run(p_run_id, p_fence);
  IF p_gate <> 'SG_3_failure_escalation' AND EXISTS (
      SELECT FROM cutter_governance.approval_use AS u WHERE u.run_id = p_run_id AND u.gate = p_gate) THEN
    RAISE EXCEPTION 'run % has used an approval of % before', p_run_id, p_gate USING ERRCODE = 'CU013';
  END IF;
  v_header := split_part(convert_from(p_request, 'UTF8'), E'\n---\n', 1);
  v_expires := cutter_governance.request_life(v_header, p_gate);
  PERFORM cutter_governance.request_fits(v_header, v_run, p_gate, p_persons);
  IF p_gate = 'SG_3_failure_escalation' THEN
    v_decision := cutter_governance.header_field(v_header, 'decision');
  END IF;
  INSERT INTO cutter_governance.approval (request_sha256, run_id, gate, decision, request, expires_at)
  VALUES (v_sha256, p_run_id, p_gate, v_decision, p_request, v_expires);
  PERFORM cutter_governance.signatures_record(v_sha256, p_persons, p_key_ids, p_armours);
  INSERT INTO cutter_governance.approval_use (request_sha256, run_id, gate, decision, n)
  SELECT v_sha256, p_run_id, p_gate, v_decision, count(*) + 1
  FROM cutter_governance.approval_use AS u WHERE u.run_id = p_run_id AND u.gate = p_gate;
  IF p_gate = 'SG_2_lifecycle_authz' THEN
    INSERT INTO cutter_governance.review_decision (document_id, decision_id, change_set_id, verdict, request_sha256)
    SELECT c.document_id, cutter_governance.header_field(v_header, 'review_decision_id')::uuid, c.change_set_id,
      'approve', v_sha256
    FROM cutter_governance.cut_change_set AS c WHERE c.run_id = p_run_id AND c.state = 'open';
    IF NOT FOUND THEN
      RAISE EXCEPTION 'run % has no open change set to decide on', p_run_id USING ERRCODE = 'CU012';
    END IF;
  END IF;
  PERFORM cutter_governance.log_append('approval_use',
    '{"decision":' || to_json(v_decision) || ',"document_id":' || to_json(v_run.document_id) || ',"gate":'
    || to_json(p_gate) || ',"kind":"approval_use","request_sha256":"' || encode(v_sha256, 'hex') || '","run_id":'
    || to_json(p_run_id) || '}');
  RETURN jsonb_build_object('status', 'created', 'request_sha256', encode(v_sha256, 'hex'), 'decision', v_decision);
END;
$$;
COMMENT ON FUNCTION cutter_governance.fn_approval_consume(text, bigint, text, bytea, text[], text[], bytea[]) IS
  'The approval is used by this run at this gate, and by nobody ever again. At SG_2 its decision is on record.';

CREATE OR REPLACE FUNCTION cutter_governance.request_life(p_header text, p_gate text) RETURNS timestamptz
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_issued timestamptz := cutter_governance.header_field(p_header, 'issued_utc')::timestamptz;
  v_expires timestamptz := cutter_governance.header_field(p_header, 'expires_utc')::timestamptz;
  v_life interval := CASE p_gate WHEN 'SG_1_cut_authz' THEN interval '24 hours' ELSE interval '12 hours' END;
BEGIN
  IF v_issued IS NULL OR v_expires IS NULL OR v_expires > v_issued + v_life
     OR v_issued > clock_timestamp() + interval '2 minutes' THEN
    RAISE EXCEPTION 'the request''s times cannot be: issued %, expires %', v_issued, v_expires USING ERRCODE = 'CU012';
  END IF;
  IF v_expires <= clock_timestamp() THEN
    RAISE EXCEPTION 'the request expired at %', v_expires USING ERRCODE = 'CU019';
  END IF;
  RETURN v_expires;
END;
$$;
COMMENT ON FUNCTION cutter_governance.request_life(text, text) IS
  'End of the request''s life by the database''s clock; refuses one that is over or longer than its gate allows.';

CREATE OR REPLACE FUNCTION cutter_governance.request_fits(
  p_header text, p_run cutter_governance.run, p_gate text, p_persons text[]
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_odd text;
BEGIN
  SELECT string_agg(f.name, ', ' ORDER BY f.name) INTO v_odd
  FROM (VALUES ('schema', 'cutter.approval-request/1'), ('gate', p_gate), ('run_id', p_run.run_id), ('mode', 'live'),
               ('document_id', p_run.document_id), ('starter', p_run.starter),
               ('database', cutter_governance.database_text())) AS f (name, expected)
  WHERE cutter_governance.header_field(p_header, f.name) IS DISTINCT FROM f.expected;
  IF v_odd IS NOT NULL THEN
    RAISE EXCEPTION 'the request is not for this: % differ', v_odd USING ERRCODE = 'CU012';
  END IF;
  -- Here and not only by the caller: the policy that it has read may not be the newest any more, and none can
  -- come while this transaction holds the write gate.
  IF cutter_governance.header_field(p_header, 'policy_sha256') IS DISTINCT FROM coalesce(
      (SELECT encode(t.sha256, 'hex') FROM cutter_governance.trust_policy AS t ORDER BY t.version DESC LIMIT 1),
      cutter_governance.header_field(p_header, 'policy_sha256')) THEN
    RAISE EXCEPTION 'policy_sha256: the request is for another trust policy than the newest' USING ERRCODE = 'CU022';
  END IF;
  IF (p_run.starter = ANY (p_persons)) IS NOT FALSE THEN
    RAISE EXCEPTION '% started the run and cannot approve it', p_run.starter USING ERRCODE = 'CU012';
  END IF;
END;
$$;
COMMENT ON FUNCTION cutter_governance.request_fits(text, cutter_governance.run, text, text[]) IS
  'Refuses a request of another run, gate, mode, document, database or policy, and the starter''s own approval.';
