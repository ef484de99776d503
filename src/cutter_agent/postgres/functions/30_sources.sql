-- What the administrator does: sources, the trust policy, the execution switch.

CREATE OR REPLACE FUNCTION iu.fn_source_add(
  p_document_id text, p_title text, p_source_version_id uuid, p_body bytea, p_media_type text,
  p_effective_date date, p_profile_name text, p_profile_toml bytea, p_original bytea DEFAULT NULL,
  p_original_media_type text DEFAULT NULL, p_text_trust text DEFAULT NULL, p_map bytea DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_newest iu.source_version;
  v_profile bytea := sha256(p_profile_toml);
BEGIN
  -- The gate of all writes: no source appears between a run's last look at it and the run's commit.
  PERFORM pg_advisory_xact_lock(hashtextextended('cutter/write-gate', 0));
  SELECT v.* INTO v_newest FROM iu.source_version AS v
  WHERE v.document_id = p_document_id ORDER BY v.version_no DESC LIMIT 1;
  IF v_newest.sha256 = sha256(p_body) AND v_newest.profile_sha256 = v_profile
     AND v_newest.effective_date IS NOT DISTINCT FROM p_effective_date
     AND v_newest.media_type = p_media_type
     AND v_newest.original_sha256 IS NOT DISTINCT FROM sha256(p_original)
     AND v_newest.map_sha256 IS NOT DISTINCT FROM sha256(p_map) THEN
    RETURN jsonb_build_object('status', 'exists_complete', 'version_no', v_newest.version_no,
      'source_version_id', v_newest.source_version_id);
  END IF;
  IF EXISTS (SELECT FROM iu.source_version AS v WHERE v.source_version_id = p_source_version_id) THEN
    RETURN jsonb_build_object('status', 'exists_conflict', 'source_version_id', p_source_version_id,
      'sentence', 'another source version has this id');
  END IF;
  INSERT INTO iu.source_document (document_id, title) VALUES (p_document_id, p_title)
  ON CONFLICT ON CONSTRAINT source_document_once DO NOTHING;
  INSERT INTO iu.text_profile (sha256, name, toml) VALUES (v_profile, p_profile_name, p_profile_toml)
  ON CONFLICT ON CONSTRAINT text_profile_once DO NOTHING;
  INSERT INTO iu.source_version (document_id, source_version_id, version_no, sha256, body, media_type,
    effective_date, profile_name, profile_sha256, original_sha256, original_body, original_media_type, text_trust,
    map_sha256, map_body)
  VALUES (p_document_id, p_source_version_id, coalesce(v_newest.version_no, 0) + 1, sha256(p_body), p_body,
    p_media_type, p_effective_date, p_profile_name, v_profile, sha256(p_original), p_original,
    p_original_media_type, p_text_trust, sha256(p_map), p_map);
  RETURN jsonb_build_object('status', 'created', 'version_no', coalesce(v_newest.version_no, 0) + 1,
    'source_version_id', p_source_version_id);
END;
$$;
COMMENT ON FUNCTION iu.fn_source_add(text, text, uuid, bytea, text, date, text, bytea, bytea, text, text, bytea) IS
  'The newest source version of the document has these bytes, this original, this profile and this effective date.';

CREATE OR REPLACE FUNCTION cutter_governance.fn_policy_accept(
  p_version integer, p_body bytea, p_persons text[], p_key_ids text[], p_armours bytea[]
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_sha256 bytea := sha256(p_body);
  v_newest integer;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('cutter/write-gate', 0));
  SELECT coalesce(max(t.version), 0) INTO v_newest FROM cutter_governance.trust_policy AS t;
  IF EXISTS (SELECT FROM cutter_governance.trust_policy AS t
             WHERE t.version = p_version AND t.version = v_newest AND t.sha256 = v_sha256) THEN
    RETURN jsonb_build_object('status', 'exists_complete', 'version', p_version);
  END IF;
  IF p_version IS DISTINCT FROM v_newest + 1 THEN
    RETURN jsonb_build_object('status', 'exists_conflict', 'version', v_newest,
      'sentence', format('the newest accepted policy is version %s', v_newest));
  END IF;
  IF (convert_from(p_body, 'UTF8')::jsonb ->> 'version') IS DISTINCT FROM p_version::text THEN
    RAISE EXCEPTION 'the policy''s own version is not %', p_version USING ERRCODE = 'CU021';
  END IF;
  INSERT INTO cutter_governance.trust_policy (version, sha256, body) VALUES (p_version, v_sha256, p_body);
  PERFORM cutter_governance.signatures_record(v_sha256, p_persons, p_key_ids, p_armours);
  PERFORM cutter_governance.log_append('trust_policy',
    '{"kind":"trust_policy","sha256":"' || encode(v_sha256, 'hex') || '","version":' || p_version || '}');
  RETURN jsonb_build_object('status', 'created', 'version', p_version);
END;
$$;
COMMENT ON FUNCTION cutter_governance.fn_policy_accept(integer, bytea, text[], text[], bytea[]) IS
  'The newest trust policy is this one, with the signatures that brought it in.';

CREATE OR REPLACE FUNCTION cutter_governance.signatures_record(
  p_subject_sha256 bytea, p_persons text[], p_key_ids text[], p_armours bytea[]
) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_rows integer;
BEGIN
  IF coalesce(cardinality(p_persons), 0) = 0 OR cardinality(p_persons) IS DISTINCT FROM cardinality(p_key_ids)
     OR cardinality(p_persons) IS DISTINCT FROM cardinality(p_armours) THEN
    RAISE EXCEPTION 'signatures come as persons, keys and armours, one of each, at least one'
      USING ERRCODE = 'CU012';
  END IF;
  INSERT INTO cutter_governance.signature (subject_sha256, key_id, person, armour)
  SELECT p_subject_sha256, s.key_id, s.person, s.armour
  FROM unnest(p_key_ids, p_persons, p_armours) AS s (key_id, person, armour);
  GET DIAGNOSTICS v_rows = ROW_COUNT;
  RETURN v_rows;
END;
$$;
COMMENT ON FUNCTION cutter_governance.signatures_record(bytea, text[], text[], bytea[]) IS
  'The subject has these signatures; answers how many.';

CREATE OR REPLACE FUNCTION cutter_governance.fn_switch_arm(p_armed boolean, p_reason text, p_actor text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_seq integer;
  v_armed boolean;
BEGIN
  -- However long the write under way takes: writes that come after wait behind this one, and find the switch turned.
  PERFORM set_config('lock_timeout', '0', true);
  PERFORM pg_advisory_xact_lock(hashtextextended('cutter/execution-switch', 0));
  SELECT s.seq, s.armed INTO v_seq, v_armed FROM cutter_governance.execution_switch AS s ORDER BY s.seq DESC LIMIT 1;
  IF coalesce(v_armed, false) IS NOT DISTINCT FROM p_armed THEN
    RETURN jsonb_build_object('status', 'exists_complete', 'armed', p_armed, 'seq', coalesce(v_seq, 0));
  END IF;
  INSERT INTO cutter_governance.execution_switch (seq, armed, reason, actor)
  VALUES (coalesce(v_seq, 0) + 1, p_armed, p_reason, p_actor);
  RETURN jsonb_build_object('status', 'created', 'armed', p_armed, 'seq', coalesce(v_seq, 0) + 1);
END;
$$;
COMMENT ON FUNCTION cutter_governance.fn_switch_arm(boolean, text, text) IS
  'The execution switch stands as asked; a turn is on record with who and why.';
