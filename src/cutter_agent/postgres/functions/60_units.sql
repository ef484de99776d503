-- Units: drafted in sets, enacted in sets. Arrays come as parameters; nothing of the caller's is read.

CREATE OR REPLACE FUNCTION cutter_governance.fn_change_set_mint(
  p_run_id text, p_fence bigint, p_change_set_id uuid, p_source_version_id uuid, p_plan_sha256 bytea,
  p_created integer, p_changed integer, p_kept integer, p_retired integer
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_run cutter_governance.run;
  v_newest uuid;
BEGIN
  PERFORM cutter_governance.guard_armed();
  v_run := cutter_governance.guard_run(p_run_id, p_fence);
  PERFORM cutter_governance.guard_approved(p_run_id, 'SG_1_cut_authz');
  PERFORM cutter_governance.guard_planned(p_run_id, 'plan_sha256', encode(p_plan_sha256, 'hex'));
  IF EXISTS (SELECT FROM cutter_governance.cut_change_set AS c
             WHERE c.change_set_id = p_change_set_id OR c.run_id = p_run_id) THEN
    RETURN jsonb_build_object('status', CASE WHEN EXISTS (
      SELECT FROM cutter_governance.cut_change_set AS c
      WHERE c.change_set_id = p_change_set_id AND c.run_id = p_run_id AND c.state = 'open'
        AND c.source_version_id = p_source_version_id AND c.plan_sha256 = p_plan_sha256
        AND (c.created, c.changed, c.kept, c.retired) = (p_created, p_changed, p_kept, p_retired)
    ) THEN 'exists_complete' ELSE 'exists_conflict' END);
  END IF;
  IF NOT v_run.holds_document THEN
    RAISE EXCEPTION 'run % does not hold %', p_run_id, v_run.document_id USING ERRCODE = 'CU011';
  END IF;
  SELECT v.source_version_id INTO v_newest FROM iu.source_version AS v
  WHERE v.document_id = v_run.document_id ORDER BY v.version_no DESC LIMIT 1;
  IF v_newest IS DISTINCT FROM p_source_version_id THEN
    RAISE EXCEPTION 'the newest source version of % is %', v_run.document_id, v_newest USING ERRCODE = 'CU022';
  END IF;
  INSERT INTO cutter_governance.cut_change_set (document_id, change_set_id, run_id, source_version_id, plan_sha256,
    created, changed, kept, retired)
  VALUES (v_run.document_id, p_change_set_id, p_run_id, p_source_version_id, p_plan_sha256,
    p_created, p_changed, p_kept, p_retired);
  RETURN jsonb_build_object('status', 'created');
END;
$$;
COMMENT ON FUNCTION cutter_governance.fn_change_set_mint(text, bigint, uuid, uuid, bytea, integer, integer, integer, integer) IS
  'The run''s one change set is open, for the approved plan and the newest source version of its document.';

CREATE OR REPLACE FUNCTION iu.draft_rows_insert(
  p_set cutter_governance.cut_change_set, p_version_ids uuid[], p_unit_ids uuid[], p_version_nos integer[],
  p_addresses text[], p_kinds text[], p_parents text[], p_ordinals integer[], p_aliases text[], p_headings text[],
  p_nums text[], p_span_counts integer[], p_spans bigint[], p_body_sha256s bytea[], p_bodies text[]
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_rows integer := cardinality(p_version_ids);
  v_there integer;
  v_equal integer;
  v_span_ends integer[];
BEGIN
  IF coalesce(v_rows, 0) = 0 OR (cardinality(p_unit_ids), cardinality(p_version_nos), cardinality(p_addresses), cardinality(p_kinds),
      cardinality(p_parents), cardinality(p_ordinals), cardinality(p_aliases), cardinality(p_headings),
      cardinality(p_nums), cardinality(p_span_counts), cardinality(p_body_sha256s), cardinality(p_bodies))
     IS DISTINCT FROM (v_rows, v_rows, v_rows, v_rows, v_rows, v_rows, v_rows, v_rows, v_rows, v_rows, v_rows, v_rows)
  THEN
    RAISE EXCEPTION 'the arrays of a set have different lengths' USING ERRCODE = 'CU016';
  END IF;
  SELECT array_agg(s.sum_to_here ORDER BY s.place) INTO v_span_ends
  FROM (SELECT sum(c.n) OVER (ORDER BY c.place) AS sum_to_here, c.place
        FROM unnest(p_span_counts) WITH ORDINALITY AS c (n, place)) AS s;

  SELECT count(*), count(*) FILTER (WHERE
    (v.change_set_id, v.unit_id, v.version_no, v.address, v.kind, v.ordinal, v.alias, v.heading, v.num, v.body_sha256)
      = (p_set.change_set_id, d.unit_id, d.version_no, d.address, d.kind, d.ordinal, d.alias, d.heading, d.num, d.sha256)
    AND v.parent_address IS NOT DISTINCT FROM d.parent
    AND v.own_spans = p_spans[d.span_end - d.span_count + 1 : d.span_end])
  INTO v_there, v_equal
  FROM unnest(p_version_ids, p_unit_ids, p_version_nos, p_addresses, p_kinds, p_parents, p_ordinals, p_aliases,
              p_headings, p_nums, p_span_counts, v_span_ends, p_body_sha256s)
    AS d (version_id, unit_id, version_no, address, kind, parent, ordinal, alias, heading, num, span_count, span_end, sha256)
  JOIN iu.unit_version AS v ON v.document_id = p_set.document_id AND v.version_id = d.version_id;
  IF v_there > 0 THEN
    RETURN jsonb_build_object('rows', v_there,
      'status', CASE WHEN v_equal = v_rows THEN 'exists_complete' ELSE 'exists_conflict' END);
  END IF;
  IF p_set.state <> 'open' THEN
    RAISE EXCEPTION 'change set % is %', p_set.change_set_id, p_set.state USING ERRCODE = 'CU015';
  END IF;

  INSERT INTO iu.text_blob (sha256, body)
  SELECT b.sha256, b.body FROM unnest(p_body_sha256s, p_bodies) AS b (sha256, body)
  ON CONFLICT ON CONSTRAINT text_blob_once DO NOTHING;
  INSERT INTO iu.information_unit (document_id, unit_id, change_set_id)
  SELECT p_set.document_id, u.unit_id, p_set.change_set_id
  FROM unnest(p_unit_ids, p_version_nos) AS u (unit_id, version_no) WHERE u.version_no = 1;
  INSERT INTO iu.unit_version (document_id, version_id, unit_id, version_no, source_version_id, change_set_id, address,
    kind, parent_address, ordinal, alias, heading, num, own_spans, body_sha256)
  SELECT p_set.document_id, d.version_id, d.unit_id, d.version_no, p_set.source_version_id, p_set.change_set_id,
    d.address, d.kind, d.parent, d.ordinal, d.alias, d.heading, d.num,
    p_spans[d.span_end - d.span_count + 1 : d.span_end], d.sha256
  FROM unnest(p_version_ids, p_unit_ids, p_version_nos, p_addresses, p_kinds, p_parents, p_ordinals, p_aliases,
              p_headings, p_nums, p_span_counts, v_span_ends, p_body_sha256s)
    AS d (version_id, unit_id, version_no, address, kind, parent, ordinal, alias, heading, num, span_count, span_end, sha256);
  INSERT INTO iu.lifecycle_log (document_id, version_id, seq, to_state, change_set_id)
  SELECT p_set.document_id, d.version_id, 1, 'draft', p_set.change_set_id FROM unnest(p_version_ids) AS d (version_id);
  RETURN jsonb_build_object('rows', v_rows, 'status', 'created');
END;
$$;
COMMENT ON FUNCTION iu.draft_rows_insert(cutter_governance.cut_change_set, uuid[], uuid[], integer[], text[], text[],
  text[], integer[], text[], text[], text[], integer[], bigint[], bytea[], text[]) IS
  'Text, identity, version and first log row of every draft of one set exist, or the answer says what is there instead.';

CREATE OR REPLACE FUNCTION iu.fn_iu_create_set(
  p_run_id text, p_fence bigint, p_change_set_id uuid, p_expected integer, p_version_ids uuid[], p_unit_ids uuid[],
  p_addresses text[], p_kinds text[], p_parents text[], p_ordinals integer[], p_aliases text[], p_headings text[],
  p_nums text[], p_span_counts integer[], p_spans bigint[], p_body_sha256s bytea[], p_bodies text[]
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_set cutter_governance.cut_change_set :=
    cutter_governance.guard_write(p_run_id, p_fence, 'SG_1_cut_authz', p_change_set_id);
BEGIN
  IF (cardinality(p_version_ids) = p_expected) IS NOT TRUE THEN
    RAISE EXCEPTION '% units came where % were expected', cardinality(p_version_ids), p_expected USING ERRCODE = 'CU016';
  END IF;
  RETURN iu.draft_rows_insert(v_set, p_version_ids, p_unit_ids, array_fill(1, ARRAY[p_expected]), p_addresses, p_kinds,
    p_parents, p_ordinals, p_aliases, p_headings, p_nums, p_span_counts, p_spans, p_body_sha256s, p_bodies);
END;
$$;
COMMENT ON FUNCTION iu.fn_iu_create_set(text, bigint, uuid, integer, uuid[], uuid[], text[], text[], text[], integer[],
  text[], text[], text[], integer[], bigint[], bytea[], text[]) IS
  'Every unit of the set exists with a first draft: created, exists_complete or exists_conflict.';

CREATE OR REPLACE FUNCTION iu.fn_iu_create(
  p_run_id text, p_fence bigint, p_change_set_id uuid, p_version_id uuid, p_unit_id uuid, p_address text, p_kind text,
  p_parent text, p_ordinal integer, p_alias text, p_heading text, p_num text, p_spans bigint[], p_body_sha256 bytea,
  p_body text
) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT iu.fn_iu_create_set(p_run_id, p_fence, p_change_set_id, 1, ARRAY[p_version_id], ARRAY[p_unit_id],
    ARRAY[p_address], ARRAY[p_kind], ARRAY[p_parent], ARRAY[p_ordinal], ARRAY[p_alias], ARRAY[p_heading], ARRAY[p_num],
    ARRAY[cardinality(p_spans)], p_spans, ARRAY[p_body_sha256], ARRAY[p_body]);
$$;
COMMENT ON FUNCTION iu.fn_iu_create(text, bigint, uuid, uuid, uuid, text, text, text, integer, text, text, text,
  bigint[], bytea, text) IS 'One unit exists with its first draft: a set of one.';

CREATE OR REPLACE FUNCTION iu.fn_iu_apply_edit_draft(
  p_run_id text, p_fence bigint, p_change_set_id uuid, p_expected integer, p_version_ids uuid[], p_unit_ids uuid[],
  p_version_nos integer[], p_addresses text[], p_kinds text[], p_parents text[], p_ordinals integer[],
  p_aliases text[], p_headings text[], p_nums text[], p_span_counts integer[], p_spans bigint[],
  p_body_sha256s bytea[], p_bodies text[]
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_set cutter_governance.cut_change_set :=
    cutter_governance.guard_write(p_run_id, p_fence, 'SG_1_cut_authz', p_change_set_id);
  v_answer jsonb;
  v_in_force integer;
BEGIN
  IF (cardinality(p_version_ids) = p_expected) IS NOT TRUE OR (1 = ANY (p_version_nos)) IS NOT FALSE THEN
    RAISE EXCEPTION 'an edit brings % later versions of existing units', p_expected USING ERRCODE = 'CU016';
  END IF;
  v_answer := iu.draft_rows_insert(v_set, p_version_ids, p_unit_ids, p_version_nos, p_addresses, p_kinds, p_parents,
    p_ordinals, p_aliases, p_headings, p_nums, p_span_counts, p_spans, p_body_sha256s, p_bodies);
  SELECT count(*) INTO v_in_force
  FROM unnest(p_unit_ids, p_version_nos) AS d (unit_id, version_no)
  JOIN iu.unit_in_force AS f ON f.document_id = v_set.document_id AND f.unit_id = d.unit_id AND f.ended_at IS NULL
  JOIN iu.unit_version AS v ON v.document_id = f.document_id AND v.version_id = f.version_id
    AND v.version_no = d.version_no - 1;
  IF v_in_force IS DISTINCT FROM p_expected THEN
    RAISE EXCEPTION '% of % edits follow the version in force', v_in_force, p_expected USING ERRCODE = 'CU015';
  END IF;
  RETURN v_answer;
END;
$$;
COMMENT ON FUNCTION iu.fn_iu_apply_edit_draft(text, bigint, uuid, integer, uuid[], uuid[], integer[], text[], text[],
  text[], integer[], text[], text[], text[], integer[], bigint[], bytea[], text[]) IS
  'Every unit of the set, in force now, has a further draft: created, exists_complete or exists_conflict.';

CREATE OR REPLACE FUNCTION iu.fn_iu_enact(
  p_run_id text, p_fence bigint, p_change_set_id uuid, p_decision_id uuid, p_effective_date date
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_set cutter_governance.cut_change_set :=
    cutter_governance.guard_write(p_run_id, p_fence, 'SG_2_lifecycle_authz', p_change_set_id);
  v_envelope cutter_governance.manifest_envelope;
  v_from date := coalesce(p_effective_date, (clock_timestamp() AT TIME ZONE 'UTC')::date);
  v_enacted integer;
  v_ended integer;
BEGIN
  IF p_decision_id IS NULL THEN
    RAISE EXCEPTION 'change set % is enacted by a decision', p_change_set_id USING ERRCODE = 'CU012';
  END IF;
  IF v_set.state <> 'open' THEN
    RETURN iu.enact_receipt(v_set, p_decision_id) || jsonb_build_object('status',
      CASE WHEN EXISTS (SELECT FROM iu.lifecycle_log AS l WHERE l.document_id = v_set.document_id
                        AND l.change_set_id = p_change_set_id AND l.decision_id = p_decision_id)
        THEN 'exists_complete' ELSE 'exists_conflict' END);
  END IF;
  SELECT e.* INTO v_envelope FROM cutter_governance.manifest_envelope AS e
  JOIN cutter_governance.verify_result AS r ON r.document_id = e.document_id AND r.envelope_id = e.envelope_id
  WHERE e.document_id = v_set.document_id AND e.change_set_id = p_change_set_id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'change set % has no verified manifest', p_change_set_id USING ERRCODE = 'CU016';
  END IF;
  IF p_effective_date IS DISTINCT FROM (SELECT v.effective_date FROM iu.source_version AS v
      WHERE v.document_id = v_set.document_id AND v.source_version_id = v_set.source_version_id) THEN
    RAISE EXCEPTION 'the effective date is not the source version''s' USING ERRCODE = 'CU022';
  END IF;

  INSERT INTO iu.lifecycle_log (document_id, version_id, seq, from_state, to_state, change_set_id, decision_id)
  SELECT v.document_id, v.version_id, 2, 'draft', 'enacted', p_change_set_id, p_decision_id
  FROM iu.unit_version AS v WHERE v.document_id = v_set.document_id AND v.change_set_id = p_change_set_id;
  GET DIAGNOSTICS v_enacted = ROW_COUNT;
  INSERT INTO iu.lifecycle_log (document_id, version_id, seq, from_state, to_state, change_set_id, decision_id)
  SELECT a.document_id, a.prior_version_id, 3, 'enacted',
    CASE a.change WHEN 'changed' THEN 'superseded' ELSE 'retired' END::iu.lifecycle_state, p_change_set_id, p_decision_id
  FROM cutter_governance.cut_change_set_affected_row AS a
  WHERE a.document_id = v_set.document_id AND a.change_set_id = p_change_set_id AND a.prior_version_id IS NOT NULL;
  GET DIAGNOSTICS v_ended = ROW_COUNT;
  IF (v_enacted, v_ended) IS DISTINCT FROM (v_set.created + v_set.changed, v_set.changed + v_set.retired) THEN
    RAISE EXCEPTION '% versions enacted and % ended where % and % were minted', v_enacted, v_ended,
      v_set.created + v_set.changed, v_set.changed + v_set.retired USING ERRCODE = 'CU016';
  END IF;

  UPDATE iu.unit_in_force AS f SET ended_at = clock_timestamp(), effective_until = greatest(v_from, f.effective_from)
  FROM cutter_governance.cut_change_set_affected_row AS a
  WHERE a.document_id = v_set.document_id AND a.change_set_id = p_change_set_id
    AND f.document_id = a.document_id AND f.version_id = a.prior_version_id;
  INSERT INTO iu.unit_in_force (document_id, version_id, unit_id, address, effective_from)
  SELECT v.document_id, v.version_id, v.unit_id, v.address, v_from
  FROM iu.unit_version AS v WHERE v.document_id = v_set.document_id AND v.change_set_id = p_change_set_id;
  UPDATE cutter_governance.cut_change_set AS c SET state = 'enacted', closed_at = clock_timestamp()
  WHERE c.change_set_id = p_change_set_id;
  PERFORM cutter_governance.log_append('enactment',
    '{"change_set_id":"' || p_change_set_id || '","document_id":' || to_json(v_set.document_id) || ',"envelope_id":"'
    || v_envelope.envelope_id || '","kind":"enactment","root_sha256":"' || encode(v_envelope.root_sha256, 'hex')
    || '","run_id":' || to_json(p_run_id) || ',"tree_size":' || v_envelope.tree_size || '}');
  RETURN iu.enact_receipt(v_set, p_decision_id) || jsonb_build_object('status', 'created');
END;
$$;
COMMENT ON FUNCTION iu.fn_iu_enact(text, bigint, uuid, uuid, date) IS
  'Every draft of the change set is in force; what it replaces is superseded, what it drops is retired.';

CREATE OR REPLACE FUNCTION iu.enact_receipt(p_set cutter_governance.cut_change_set, p_decision_id uuid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_object(
    'enacted', p_set.created + p_set.changed, 'superseded', p_set.changed, 'retired', p_set.retired,
    'log_rows', p_set.created + 2 * p_set.changed + p_set.retired,
    'in_force', (SELECT count(*) FROM iu.unit_in_force AS f
                 WHERE f.document_id = p_set.document_id AND f.ended_at IS NULL));
$$;
COMMENT ON FUNCTION iu.enact_receipt(cutter_governance.cut_change_set, uuid) IS
  'What enactment of the change set did, in numbers.';
