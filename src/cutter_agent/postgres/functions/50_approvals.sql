-- Approvals: spent once in the whole database, in the transaction of their effect; and refusals, kept as they are.

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
  -- The log too: a row that was taken away is still told of there, and the log cannot lose an entry unseen.
  IF EXISTS (SELECT FROM cutter_governance.approval_use AS u WHERE u.request_sha256 = v_sha256)
     OR EXISTS (SELECT FROM cutter_governance.transparency_log AS t
                WHERE t.kind = 'approval_use' AND position(encode(v_sha256, 'hex')::bytea IN t.payload) > 0) THEN
    RAISE EXCEPTION 'approval % was used before', encode(v_sha256, 'hex') USING ERRCODE = 'CU013';
  END IF;
  v_run := cutter_governance.guard_run(p_run_id, p_fence);
  IF p_gate <> 'SG_3_failure_escalation' AND EXISTS (
      SELECT FROM cutter_governance.approval_use AS u WHERE u.run_id = p_run_id AND u.gate = p_gate) THEN
    RAISE EXCEPTION 'run % has used an approval of % before', p_run_id, p_gate USING ERRCODE = 'CU013';
  END IF;
  -- A run of an unknown document can still be voided (SG_3); nothing can be written for it.
  IF p_gate <> 'SG_3_failure_escalation' AND NOT EXISTS (
      SELECT FROM iu.source_document AS d WHERE d.document_id = v_run.document_id) THEN
    RAISE EXCEPTION 'there is no document %', v_run.document_id USING ERRCODE = 'CU012';
  END IF;
  v_header := split_part(convert_from(p_request, 'UTF8'), E'\n---\n', 1);
  v_expires := cutter_governance.request_life(v_header, p_gate);
  PERFORM cutter_governance.request_fits(v_header, v_run, p_gate, p_persons);
  PERFORM cutter_governance.log_grew_from(cutter_governance.header_field(v_header, 'log_checkpoint'));
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

CREATE OR REPLACE FUNCTION cutter_governance.log_grew_from(p_head text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_size bigint;
  v_held bigint;
  v_root bytea;
BEGIN
  IF (p_head ~ '^(0|[1-9][0-9]{0,17}):[0-9a-f]{64}$') IS NOT TRUE THEN
    RAISE EXCEPTION 'log_checkpoint: the request names no head of the log' USING ERRCODE = 'CU012';
  END IF;
  v_size := split_part(p_head, ':', 1)::bigint;
  -- Nobody adds to the log from here to the end of this transaction; what is there already must not have moved.
  PERFORM pg_advisory_xact_lock(hashtextextended('cutter/transparency-log', 0));
  SELECT count(*), coalesce(cutter_governance.merkle_root(array_agg(sha256('\x00'::bytea || t.payload) ORDER BY t.seq)),
    sha256(''::bytea))
  INTO v_held, v_root
  FROM cutter_governance.transparency_log AS t WHERE t.seq < v_size;
  IF (v_held, encode(v_root, 'hex')) IS DISTINCT FROM (v_size, split_part(p_head, ':', 2)) THEN
    RAISE EXCEPTION 'the log of the database does not extend the head that the request names: %', p_head
      USING ERRCODE = 'CU023';
  END IF;
END;
$$;
COMMENT ON FUNCTION cutter_governance.log_grew_from(text) IS
  'Refuses unless the log''s first entries are those of this head, `size:root`; nobody adds to the log meanwhile.';

CREATE OR REPLACE FUNCTION cutter_governance.check_log_at_commit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM cutter_governance.log_grew_from(cutter_governance.header_field(
    split_part(convert_from(a.request, 'UTF8'), E'\n---\n', 1), 'log_checkpoint'))
  FROM cutter_governance.approval AS a WHERE a.request_sha256 = NEW.request_sha256;
  RETURN NULL;
END;
$$;
COMMENT ON FUNCTION cutter_governance.check_log_at_commit() IS
  'Looks once more, when all is written: the log still extends the head that the approved request names.';

CREATE OR REPLACE FUNCTION cutter_governance.fn_refusal_record(
  p_run_id text, p_fence bigint, p_gate text, p_request bytea, p_persons text[], p_key_ids text[], p_armours bytea[]
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_run cutter_governance.run;
  v_sha256 bytea := sha256(p_request);
  v_rows integer;
BEGIN
  IF num_nulls(p_run_id, p_fence, p_gate, p_request, p_persons, p_key_ids, p_armours) > 0
     OR cardinality(p_persons) = 0
     OR (cardinality(p_persons), cardinality(p_persons)) <> (cardinality(p_key_ids), cardinality(p_armours)) THEN
    RAISE EXCEPTION 'a refusal is of a request of a run at a gate, with one signature at least: nothing of it is null'
      USING ERRCODE = 'CU012';
  END IF;
  v_run := cutter_governance.guard_run(p_run_id, p_fence);
  IF EXISTS (SELECT FROM cutter_governance.approval_use AS u WHERE u.request_sha256 = v_sha256) THEN
    RAISE EXCEPTION 'approval % was used before it was refused', encode(v_sha256, 'hex') USING ERRCODE = 'CU013';
  END IF;
  IF cutter_governance.header_field(split_part(convert_from(p_request, 'UTF8'), E'\n---\n', 1), 'gate')
       IS DISTINCT FROM p_gate
     OR NOT EXISTS (SELECT FROM cutter_governance.run_document AS d
                    WHERE d.run_id = p_run_id AND d.sha256 = v_sha256) THEN
    RAISE EXCEPTION 'run % has written no such request of %', p_run_id, p_gate USING ERRCODE = 'CU012';
  END IF;
  INSERT INTO cutter_governance.refusal (request_sha256, key_id, person, run_id, gate, request, armour)
  SELECT v_sha256, s.key_id, s.person, p_run_id, p_gate, p_request, s.armour
  FROM unnest(p_key_ids, p_persons, p_armours) AS s (key_id, person, armour)
  ON CONFLICT ON CONSTRAINT refusal_once DO NOTHING;
  GET DIAGNOSTICS v_rows = ROW_COUNT;
  IF v_rows = 0 THEN
    RETURN jsonb_build_object('status', 'exists_complete', 'request_sha256', encode(v_sha256, 'hex'));
  END IF;
  PERFORM cutter_governance.log_append('refusal',
    '{"document_id":' || to_json(v_run.document_id) || ',"gate":' || to_json(p_gate)
    || ',"kind":"refusal","request_sha256":"' || encode(v_sha256, 'hex') || '","run_id":' || to_json(p_run_id) || '}');
  RETURN jsonb_build_object('status', 'created', 'request_sha256', encode(v_sha256, 'hex'));
END;
$$;
COMMENT ON FUNCTION cutter_governance.fn_refusal_record(text, bigint, text, bytea, text[], text[], bytea[]) IS
  'The refusals of this request are on record with their signatures, and the log tells of them.';
