-- Guards: what every writer asks first. Called by the functions that are granted, granted to nobody.

CREATE OR REPLACE FUNCTION cutter_governance.guard_run(p_run_id text, p_fence bigint) RETURNS cutter_governance.run
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_run cutter_governance.run;
BEGIN
  -- NO KEY: rows that refer to the run can still be written meanwhile.
  SELECT r.* INTO v_run FROM cutter_governance.run AS r WHERE r.run_id = p_run_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no run %', p_run_id USING ERRCODE = 'CU014';
  END IF;
  IF v_run.fence IS DISTINCT FROM p_fence THEN
    RAISE EXCEPTION 'run % is driven with fence %, this is %', p_run_id, v_run.fence, p_fence
      USING ERRCODE = 'CU011';
  END IF;
  IF v_run.outcome IS NOT NULL THEN
    RAISE EXCEPTION 'run % is over: %', p_run_id, v_run.outcome USING ERRCODE = 'CU011';
  END IF;
  RETURN v_run;
END;
$$;
COMMENT ON FUNCTION cutter_governance.guard_run(text, bigint) IS
  'The run, locked; refuses an unknown run, an older fence, and a run that is over.';

CREATE OR REPLACE FUNCTION cutter_governance.guard_armed() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Held to the end of the transaction: who turns the switch waits for it, and nothing is written after he was answered.
  PERFORM pg_advisory_xact_lock_shared(hashtextextended('cutter/execution-switch', 0));
  IF NOT coalesce((SELECT s.armed FROM cutter_governance.execution_switch AS s ORDER BY s.seq DESC LIMIT 1), false) THEN
    RAISE EXCEPTION 'the execution switch is off' USING ERRCODE = 'CU010';
  END IF;
END;
$$;
COMMENT ON FUNCTION cutter_governance.guard_armed() IS 'Refuses unless the newest row of the execution switch is armed; it stays so until the transaction ends.';

CREATE OR REPLACE FUNCTION cutter_governance.guard_approved(p_run_id text, p_gate text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM cutter_governance.approval_use AS u
                 WHERE u.run_id = p_run_id AND u.gate = p_gate AND u.decision = 'approve') THEN
    RAISE EXCEPTION 'run % has used no approval of %', p_run_id, p_gate USING ERRCODE = 'CU012';
  END IF;
END;
$$;
COMMENT ON FUNCTION cutter_governance.guard_approved(text, text) IS
  'Refuses unless the run has used an approval of this gate, in this transaction or before.';

CREATE OR REPLACE FUNCTION cutter_governance.guard_planned(p_run_id text, p_name text, p_value text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_approved text;
BEGIN
  SELECT cutter_governance.header_field(split_part(convert_from(a.request, 'UTF8'), E'\n---\n', 1), p_name)
  INTO v_approved
  FROM cutter_governance.approval_use AS u JOIN cutter_governance.approval AS a USING (request_sha256)
  WHERE u.run_id = p_run_id AND u.gate = 'SG_1_cut_authz' AND u.decision = 'approve';
  IF (p_value = v_approved) IS NOT TRUE THEN
    RAISE EXCEPTION '% is % and was approved as %', p_name, p_value, v_approved USING ERRCODE = 'CU012';
  END IF;
END;
$$;
COMMENT ON FUNCTION cutter_governance.guard_planned(text, text, text) IS
  'Refuses a value that the header of the run''s used SG_1 approval does not give under this name.';

CREATE OR REPLACE FUNCTION cutter_governance.guard_write(
  p_run_id text, p_fence bigint, p_gate text, p_change_set_id uuid
) RETURNS cutter_governance.cut_change_set
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_set cutter_governance.cut_change_set;
BEGIN
  PERFORM cutter_governance.guard_armed();
  PERFORM cutter_governance.guard_run(p_run_id, p_fence);
  PERFORM cutter_governance.guard_approved(p_run_id, p_gate);
  SELECT c.* INTO v_set FROM cutter_governance.cut_change_set AS c
  WHERE c.change_set_id = p_change_set_id AND c.run_id = p_run_id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'run % has no change set %', p_run_id, p_change_set_id USING ERRCODE = 'CU015';
  END IF;
  RETURN v_set;
END;
$$;
COMMENT ON FUNCTION cutter_governance.guard_write(text, bigint, text, uuid) IS
  'The run''s change set; refuses unless switch, fence and approval let the run write.';

CREATE OR REPLACE FUNCTION cutter_governance.log_append(p_kind text, p_payload text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('cutter/transparency-log', 0));
  INSERT INTO cutter_governance.transparency_log (seq, kind, payload)
  SELECT coalesce(max(t.seq) + 1, 0), p_kind, convert_to(p_payload, 'UTF8')
  FROM cutter_governance.transparency_log AS t;
END;
$$;
COMMENT ON FUNCTION cutter_governance.log_append(text, text) IS 'The transparency log has one more leaf.';

CREATE OR REPLACE FUNCTION cutter_governance.header_field(p_header text, p_name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT substring(p_header FROM '(?n)^' || p_name || ': (.*)$');
$$;
COMMENT ON FUNCTION cutter_governance.header_field(text, text) IS
  'Value of the first header line `name: value` of a request, or null.';

CREATE OR REPLACE FUNCTION cutter_governance.database_text() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.system_identifier::text || '/' || d.oid::text
  FROM pg_control_system() AS c, pg_database AS d WHERE d.datname = current_database();
$$;
COMMENT ON FUNCTION cutter_governance.database_text() IS
  'System identifier and database oid, as requests name the database they are for.';

CREATE OR REPLACE FUNCTION cutter_governance.merkle_root(p_leaves bytea[]) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_level bytea[] := p_leaves;
BEGIN
  -- Joining neighbours and carrying an odd last node upwards gives the tree of RFC 9162 §2.1.1.
  WHILE cardinality(v_level) > 1 LOOP
    SELECT array_agg(CASE WHEN pair.right_hash IS NULL THEN pair.left_hash
                          ELSE sha256('\x01'::bytea || pair.left_hash || pair.right_hash) END ORDER BY pair.place)
    INTO v_level
    FROM (SELECT node.hash AS left_hash, lead(node.hash) OVER (ORDER BY node.place) AS right_hash, node.place
          FROM unnest(v_level) WITH ORDINALITY AS node (hash, place)) AS pair
    WHERE pair.place % 2 = 1;
  END LOOP;
  RETURN v_level[1];
END;
$$;
COMMENT ON FUNCTION cutter_governance.merkle_root(bytea[]) IS
  'Root of the Merkle tree over the leaf hashes in their order; null over none.';

CREATE OR REPLACE FUNCTION iu.leaf_sha256(
  p_address text, p_kind text, p_parent text, p_ordinal integer, p_body_sha256 bytea,
  p_alias text, p_heading text, p_num text
) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  -- Canonical JSON field by field: jsonb would order keys by length and write other escapes.
  SELECT sha256('\x00'::bytea || convert_to(
    '{"address":' || to_json(p_address)
    || ',"attributes":{"alias":' || to_json(p_alias) || ',"heading":' || to_json(p_heading)
    || ',"num":' || to_json(p_num)
    || '},"body_sha256":"' || encode(p_body_sha256, 'hex')
    || '","kind":' || to_json(p_kind) || ',"ordinal":' || p_ordinal
    || ',"parent":' || coalesce(to_json(p_parent)::text, 'null')
    || ',"schema":"cutter.unit/1"}', 'UTF8'));
$$;
COMMENT ON FUNCTION iu.leaf_sha256(text, text, text, integer, bytea, text, text, text) IS
  'Hash of a unit record as a leaf of a manifest.';
