-- Proof: the executor's manifest and the verifier's result. The database computes both roots itself.

CREATE OR REPLACE FUNCTION cutter_governance.manifest_root(p_document_id text, p_envelope_id uuid) RETURNS bytea
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT cutter_governance.merkle_root(array_agg(iu.leaf_sha256(v.address, v.kind, v.parent_address, b.ordinal,
    v.body_sha256, v.alias, v.heading, v.num) ORDER BY b.position))
  FROM cutter_governance.manifest_unit_block AS b
  JOIN iu.unit_version AS v ON v.document_id = b.document_id AND v.version_id = b.version_id
  WHERE b.document_id = p_document_id AND b.envelope_id = p_envelope_id;
$$;
COMMENT ON FUNCTION cutter_governance.manifest_root(text, uuid) IS
  'Merkle root over the manifest''s units, computed from the units'' rows as they are now.';

CREATE OR REPLACE FUNCTION cutter_governance.fn_manifest_record(
  p_run_id text, p_fence bigint, p_change_set_id uuid, p_envelope_id uuid, p_root_sha256 bytea, p_tree_size integer,
  p_dsse bytea, p_executor_key_id text, p_positions integer[], p_unit_ids uuid[], p_version_ids uuid[],
  p_ordinals integer[], p_leaves bytea[]
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_set cutter_governance.cut_change_set :=
    cutter_governance.guard_write(p_run_id, p_fence, 'SG_1_cut_authz', p_change_set_id);
  v_odd integer;
BEGIN
  IF EXISTS (SELECT FROM cutter_governance.manifest_envelope AS e
             WHERE e.document_id = v_set.document_id AND e.change_set_id = p_change_set_id) THEN
    RETURN cutter_governance.manifest_receipt(v_set) || jsonb_build_object('status',
      CASE WHEN EXISTS (SELECT FROM cutter_governance.manifest_envelope AS e
                        WHERE e.document_id = v_set.document_id AND e.envelope_id = p_envelope_id
                          AND e.root_sha256 = p_root_sha256 AND e.tree_size = p_tree_size
                          AND e.executor_key_id = p_executor_key_id)
        THEN 'exists_complete' ELSE 'exists_conflict' END);
  END IF;
  IF (cardinality(p_positions), cardinality(p_unit_ids), cardinality(p_version_ids), cardinality(p_ordinals),
      cardinality(p_leaves), v_set.created + v_set.changed + v_set.kept)
     IS DISTINCT FROM (p_tree_size, p_tree_size, p_tree_size, p_tree_size, p_tree_size, p_tree_size) THEN
    RAISE EXCEPTION 'the manifest of % units has another number of blocks', p_tree_size USING ERRCODE = 'CU016';
  END IF;
  INSERT INTO cutter_governance.manifest_envelope (document_id, envelope_id, change_set_id, root_sha256, tree_size, dsse,
    executor_key_id)
  VALUES (v_set.document_id, p_envelope_id, p_change_set_id, p_root_sha256, p_tree_size, p_dsse, p_executor_key_id);
  INSERT INTO cutter_governance.manifest_unit_block (document_id, envelope_id, position, unit_id, version_id, ordinal, leaf_sha256)
  SELECT v_set.document_id, p_envelope_id, b.position, b.unit_id, b.version_id, b.ordinal, b.leaf
  FROM unnest(p_positions, p_unit_ids, p_version_ids, p_ordinals, p_leaves) AS b (position, unit_id, version_id, ordinal, leaf);
  INSERT INTO cutter_governance.signature (subject_sha256, key_id, person, armour)
  VALUES (sha256(p_dsse), p_executor_key_id, 'executor', p_dsse);

  -- A block stands for a draft of this change set or for a version in force, and its leaf is that version's.
  SELECT count(*) INTO v_odd
  FROM cutter_governance.manifest_unit_block AS b
  JOIN iu.unit_version AS v ON v.document_id = b.document_id AND v.version_id = b.version_id
  LEFT JOIN iu.unit_in_force AS f ON f.document_id = b.document_id AND f.version_id = b.version_id AND f.ended_at IS NULL
  WHERE b.document_id = v_set.document_id AND b.envelope_id = p_envelope_id
    AND (v.unit_id <> b.unit_id OR v.change_set_id <> p_change_set_id AND f.version_id IS NULL
      OR b.leaf_sha256 <> iu.leaf_sha256(v.address, v.kind, v.parent_address, b.ordinal, v.body_sha256, v.alias, v.heading, v.num));
  IF v_odd > 0 THEN
    RAISE EXCEPTION '% blocks of the manifest do not fit the units they name', v_odd USING ERRCODE = 'CU017';
  END IF;
  IF p_root_sha256 IS DISTINCT FROM cutter_governance.merkle_root(
      (SELECT array_agg(b.leaf_sha256::bytea ORDER BY b.position) FROM cutter_governance.manifest_unit_block AS b
       WHERE b.document_id = v_set.document_id AND b.envelope_id = p_envelope_id)) THEN
    RAISE EXCEPTION 'the manifest''s root is not the root of its blocks' USING ERRCODE = 'CU017';
  END IF;
  PERFORM cutter_governance.guard_planned(p_run_id, 'manifest_root', encode(p_root_sha256, 'hex'));
  PERFORM cutter_governance.guard_planned(p_run_id, 'tree_size', p_tree_size::text);

  INSERT INTO cutter_governance.cut_change_set_affected_row (document_id, change_set_id, unit_id, change, version_id, prior_version_id)
  SELECT v.document_id, p_change_set_id, v.unit_id, CASE WHEN f.version_id IS NULL THEN 'created' ELSE 'changed' END,
    v.version_id, f.version_id
  FROM iu.unit_version AS v
  LEFT JOIN iu.unit_in_force AS f ON f.document_id = v.document_id AND f.unit_id = v.unit_id AND f.ended_at IS NULL
  WHERE v.document_id = v_set.document_id AND v.change_set_id = p_change_set_id
  UNION ALL
  SELECT f.document_id, p_change_set_id, f.unit_id, 'retired', NULL, f.version_id
  FROM iu.unit_in_force AS f
  LEFT JOIN cutter_governance.manifest_unit_block AS b
    ON b.document_id = f.document_id AND b.envelope_id = p_envelope_id AND b.unit_id = f.unit_id
  WHERE f.document_id = v_set.document_id AND f.ended_at IS NULL AND b.unit_id IS NULL;
  RETURN cutter_governance.manifest_receipt(v_set) || jsonb_build_object('status', 'created');
END;
$$;
COMMENT ON FUNCTION cutter_governance.fn_manifest_record(text, bigint, uuid, uuid, bytea, integer, bytea, text,
  integer[], uuid[], uuid[], integer[], bytea[]) IS
  'Envelope, blocks, affected rows and the executor''s signature are on record; the root is theirs and the approved one.';

CREATE OR REPLACE FUNCTION cutter_governance.manifest_receipt(p_set cutter_governance.cut_change_set) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_object(
    'blocks', (SELECT count(*) FROM cutter_governance.manifest_unit_block AS b
               WHERE b.document_id = e.document_id AND b.envelope_id = e.envelope_id),
    'affected_rows', (SELECT count(*) FROM cutter_governance.cut_change_set_affected_row AS a
                      WHERE a.document_id = e.document_id AND a.change_set_id = e.change_set_id),
    'signatures', (SELECT count(*) FROM cutter_governance.signature AS s WHERE s.subject_sha256 = sha256(e.dsse)))
  FROM cutter_governance.manifest_envelope AS e
  WHERE e.document_id = p_set.document_id AND e.change_set_id = p_set.change_set_id;
$$;
COMMENT ON FUNCTION cutter_governance.manifest_receipt(cutter_governance.cut_change_set) IS
  'What the database holds of the change set''s manifest, in numbers.';

CREATE OR REPLACE FUNCTION cutter_governance.fn_verify_record(
  p_run_id text, p_fence bigint, p_verify_result_id uuid, p_envelope_id uuid, p_root_from_source_sha256 bytea,
  p_root_in_database_sha256 bytea, p_tree_size integer, p_mismatches integer, p_dsse bytea, p_verifier_key_id text
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_envelope cutter_governance.manifest_envelope;
BEGIN
  PERFORM cutter_governance.guard_run(p_run_id, p_fence);
  SELECT e.* INTO v_envelope FROM cutter_governance.manifest_envelope AS e
  JOIN cutter_governance.cut_change_set AS c ON c.document_id = e.document_id AND c.change_set_id = e.change_set_id
  WHERE e.envelope_id = p_envelope_id AND c.run_id = p_run_id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'run % has no manifest %', p_run_id, p_envelope_id USING ERRCODE = 'CU015';
  END IF;
  IF EXISTS (SELECT FROM cutter_governance.verify_result AS r
             WHERE r.document_id = v_envelope.document_id AND r.envelope_id = p_envelope_id) THEN
    RETURN jsonb_build_object('status', CASE WHEN EXISTS (
      SELECT FROM cutter_governance.verify_result AS r
      WHERE r.document_id = v_envelope.document_id AND r.verify_result_id = p_verify_result_id
        AND r.envelope_id = p_envelope_id AND r.dsse = p_dsse AND r.verifier_key_id = p_verifier_key_id
    ) THEN 'exists_complete' ELSE 'exists_conflict' END);
  END IF;
  IF (p_root_from_source_sha256, p_root_in_database_sha256, p_tree_size) IS DISTINCT FROM
     (v_envelope.root_sha256::bytea, cutter_governance.manifest_root(v_envelope.document_id, p_envelope_id),
      v_envelope.tree_size) THEN
    RAISE EXCEPTION 'the verifier''s roots are not the manifest''s and its units''' USING ERRCODE = 'CU017';
  END IF;
  INSERT INTO cutter_governance.verify_result (document_id, verify_result_id, envelope_id, root_from_source_sha256,
    root_in_database_sha256, tree_size, mismatches, dsse, executor_key_id, verifier_key_id)
  VALUES (v_envelope.document_id, p_verify_result_id, p_envelope_id, p_root_from_source_sha256,
    p_root_in_database_sha256, p_tree_size, p_mismatches, p_dsse, v_envelope.executor_key_id, p_verifier_key_id);
  INSERT INTO cutter_governance.signature (subject_sha256, key_id, person, armour)
  VALUES (sha256(p_dsse), p_verifier_key_id, 'verifier', p_dsse);
  RETURN jsonb_build_object('status', 'created');
END;
$$;
COMMENT ON FUNCTION cutter_governance.fn_verify_record(text, bigint, uuid, uuid, bytea, bytea, integer, integer, bytea, text) IS
  'The one result of this manifest is on record: recorded by the verifier''s login, with another key than the executor''s.';
