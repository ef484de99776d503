-- What proves a cut: manifest, verification, transparency log; and what governs it: policy and switch.

CREATE TABLE cutter_governance.manifest_envelope (
  document_id iu.document_code NOT NULL,
  envelope_id uuid NOT NULL,
  change_set_id uuid NOT NULL,
  root_sha256 iu.sha256_digest NOT NULL,
  tree_size integer NOT NULL,
  dsse bytea NOT NULL,
  executor_key_id text COLLATE "C" NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT manifest_envelope_once PRIMARY KEY (document_id, envelope_id),
  CONSTRAINT manifest_envelope_id_names_one_document UNIQUE (envelope_id),
  CONSTRAINT manifest_envelope_one_per_change_set UNIQUE (document_id, change_set_id),
  CONSTRAINT manifest_envelope_names_its_key UNIQUE (document_id, envelope_id, executor_key_id),
  CONSTRAINT manifest_envelope_of_a_change_set FOREIGN KEY (document_id, change_set_id)
    REFERENCES cutter_governance.cut_change_set,
  CONSTRAINT manifest_envelope_has_leaves CHECK (tree_size > 0),
  CONSTRAINT manifest_envelope_is_bounded CHECK (octet_length(dsse) BETWEEN 2 AND 1048576)
);
COMMENT ON TABLE cutter_governance.manifest_envelope IS 'Manifest of all included units of a document version, sealed by the executor.';
COMMENT ON COLUMN cutter_governance.manifest_envelope.document_id IS 'The document.';
COMMENT ON COLUMN cutter_governance.manifest_envelope.envelope_id IS 'Id of the envelope.';
COMMENT ON COLUMN cutter_governance.manifest_envelope.change_set_id IS 'Change set that it seals.';
COMMENT ON COLUMN cutter_governance.manifest_envelope.root_sha256 IS 'Merkle root over the blocks (RFC 9162 §2.1): manifest_digest.';
COMMENT ON COLUMN cutter_governance.manifest_envelope.tree_size IS 'How many leaves the tree has.';
COMMENT ON COLUMN cutter_governance.manifest_envelope.dsse IS 'The executor''s statement in a DSSE envelope.';
COMMENT ON COLUMN cutter_governance.manifest_envelope.executor_key_id IS 'Key that signed it.';
COMMENT ON COLUMN cutter_governance.manifest_envelope.recorded_at IS 'When it was recorded.';

CREATE TABLE cutter_governance.manifest_unit_block (
  document_id iu.document_code NOT NULL,
  envelope_id uuid NOT NULL,
  position integer NOT NULL,
  unit_id uuid NOT NULL,
  version_id uuid NOT NULL,
  ordinal integer NOT NULL,
  leaf_sha256 iu.sha256_digest NOT NULL,
  CONSTRAINT manifest_unit_block_once PRIMARY KEY (document_id, envelope_id, position),
  CONSTRAINT manifest_unit_block_one_per_version UNIQUE (document_id, envelope_id, version_id),
  CONSTRAINT manifest_unit_block_of_an_envelope FOREIGN KEY (document_id, envelope_id)
    REFERENCES cutter_governance.manifest_envelope,
  CONSTRAINT manifest_unit_block_of_a_version FOREIGN KEY (document_id, version_id) REFERENCES iu.unit_version,
  CONSTRAINT manifest_unit_block_counts CHECK (position >= 0 AND ordinal > 0)
);
COMMENT ON TABLE cutter_governance.manifest_unit_block IS 'Leaves of a manifest in document order, each with the version it stands for.';
COMMENT ON COLUMN cutter_governance.manifest_unit_block.document_id IS 'The document.';
COMMENT ON COLUMN cutter_governance.manifest_unit_block.envelope_id IS 'The manifest.';
COMMENT ON COLUMN cutter_governance.manifest_unit_block.position IS 'Index of the leaf, from 0.';
COMMENT ON COLUMN cutter_governance.manifest_unit_block.unit_id IS 'The unit.';
COMMENT ON COLUMN cutter_governance.manifest_unit_block.version_id IS 'The version: a new one, or the kept one.';
COMMENT ON COLUMN cutter_governance.manifest_unit_block.ordinal IS 'Place of the unit among its siblings in this version of the document.';
COMMENT ON COLUMN cutter_governance.manifest_unit_block.leaf_sha256 IS 'Hash of the leaf: 0x00 and the canonical unit record.';

CREATE TABLE cutter_governance.cut_change_set_affected_row (
  document_id iu.document_code NOT NULL,
  change_set_id uuid NOT NULL,
  unit_id uuid NOT NULL,
  change text COLLATE "C" NOT NULL,
  version_id uuid,
  prior_version_id uuid,
  CONSTRAINT cut_change_set_affected_row_once PRIMARY KEY (document_id, change_set_id, unit_id),
  CONSTRAINT cut_change_set_affected_row_of_a_change_set FOREIGN KEY (document_id, change_set_id)
    REFERENCES cutter_governance.cut_change_set,
  CONSTRAINT cut_change_set_affected_row_of_a_unit FOREIGN KEY (document_id, unit_id) REFERENCES iu.information_unit,
  CONSTRAINT cut_change_set_affected_row_brings_a_version FOREIGN KEY (document_id, version_id) REFERENCES iu.unit_version,
  CONSTRAINT cut_change_set_affected_row_ends_a_version FOREIGN KEY (document_id, prior_version_id) REFERENCES iu.unit_version,
  CONSTRAINT cut_change_set_affected_row_fits_its_change CHECK (
    change = 'created' AND version_id IS NOT NULL AND prior_version_id IS NULL
    OR change = 'changed' AND version_id IS NOT NULL AND prior_version_id IS NOT NULL
    OR change = 'retired' AND version_id IS NULL AND prior_version_id IS NOT NULL)
);
COMMENT ON TABLE cutter_governance.cut_change_set_affected_row IS 'Units that a change set creates, changes or retires.';
COMMENT ON COLUMN cutter_governance.cut_change_set_affected_row.document_id IS 'The document.';
COMMENT ON COLUMN cutter_governance.cut_change_set_affected_row.change_set_id IS 'The change set.';
COMMENT ON COLUMN cutter_governance.cut_change_set_affected_row.unit_id IS 'The unit.';
COMMENT ON COLUMN cutter_governance.cut_change_set_affected_row.change IS 'created, changed or retired.';
COMMENT ON COLUMN cutter_governance.cut_change_set_affected_row.version_id IS 'Version that it brings; null when it retires.';
COMMENT ON COLUMN cutter_governance.cut_change_set_affected_row.prior_version_id IS 'Version that it ends; null when it creates.';

CREATE TABLE cutter_governance.verify_result (
  document_id iu.document_code NOT NULL,
  verify_result_id uuid NOT NULL,
  envelope_id uuid NOT NULL,
  root_from_source_sha256 iu.sha256_digest NOT NULL,
  root_in_database_sha256 iu.sha256_digest NOT NULL,
  tree_size integer NOT NULL,
  mismatches integer NOT NULL,
  dsse bytea NOT NULL,
  executor_key_id text COLLATE "C" NOT NULL,
  verifier_key_id text COLLATE "C" NOT NULL,
  verifier name NOT NULL DEFAULT session_user,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT verify_result_once PRIMARY KEY (document_id, verify_result_id),
  CONSTRAINT verify_result_one_per_envelope UNIQUE (document_id, envelope_id),
  CONSTRAINT verify_result_of_an_envelope FOREIGN KEY (document_id, envelope_id, executor_key_id)
    REFERENCES cutter_governance.manifest_envelope (document_id, envelope_id, executor_key_id),
  CONSTRAINT verify_result_roots_are_equal CHECK (root_from_source_sha256 = root_in_database_sha256 AND mismatches = 0),
  CONSTRAINT verify_result_has_another_key CHECK (verifier_key_id <> executor_key_id),
  CONSTRAINT verify_result_is_the_verifiers CHECK (verifier = 'cutter_verify'),
  CONSTRAINT verify_result_is_bounded CHECK (octet_length(dsse) BETWEEN 2 AND 1048576)
);
COMMENT ON TABLE cutter_governance.verify_result IS
  'Results of the second pair of eyes: one a manifest, recorded by another login, signed with another key.';
COMMENT ON COLUMN cutter_governance.verify_result.document_id IS 'The document.';
COMMENT ON COLUMN cutter_governance.verify_result.verify_result_id IS 'Id of the result.';
COMMENT ON COLUMN cutter_governance.verify_result.envelope_id IS 'Manifest that was verified.';
COMMENT ON COLUMN cutter_governance.verify_result.root_from_source_sha256 IS 'Root that the verifier computed from the source bytes.';
COMMENT ON COLUMN cutter_governance.verify_result.root_in_database_sha256 IS 'Root that the database computed from its rows.';
COMMENT ON COLUMN cutter_governance.verify_result.tree_size IS 'How many leaves both have.';
COMMENT ON COLUMN cutter_governance.verify_result.mismatches IS 'Units that differed: a result with any is not recorded.';
COMMENT ON COLUMN cutter_governance.verify_result.dsse IS 'The verifier''s statement in a DSSE envelope.';
COMMENT ON COLUMN cutter_governance.verify_result.executor_key_id IS 'Key that sealed the manifest.';
COMMENT ON COLUMN cutter_governance.verify_result.verifier_key_id IS 'Key that signed this result: never the executor''s.';
COMMENT ON COLUMN cutter_governance.verify_result.verifier IS 'Login that recorded it.';
COMMENT ON COLUMN cutter_governance.verify_result.recorded_at IS 'When it was recorded.';

CREATE TABLE cutter_governance.transparency_log (
  seq bigint NOT NULL,
  kind text COLLATE "C" NOT NULL,
  payload bytea NOT NULL,
  leaf_sha256 iu.sha256_digest NOT NULL GENERATED ALWAYS AS (sha256('\x00'::bytea || payload)) STORED,
  logged_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT transparency_log_once PRIMARY KEY (seq),
  CONSTRAINT transparency_log_counts_from_0 CHECK (seq >= 0),
  CONSTRAINT transparency_log_kind_is_known CHECK (kind IN ('approval_use', 'enactment', 'trust_policy'))
);
COMMENT ON TABLE cutter_governance.transparency_log IS
  'One log for the database: approvals used, enactments, policies. Its Merkle tree only grows (RFC 9162).';
COMMENT ON COLUMN cutter_governance.transparency_log.seq IS 'Index of the leaf, from 0, without gap.';
COMMENT ON COLUMN cutter_governance.transparency_log.kind IS 'What happened.';
COMMENT ON COLUMN cutter_governance.transparency_log.payload IS 'Canonical JSON of what happened.';
COMMENT ON COLUMN cutter_governance.transparency_log.leaf_sha256 IS 'Hash of the leaf: 0x00 and the payload.';
COMMENT ON COLUMN cutter_governance.transparency_log.logged_at IS 'When it was logged.';

CREATE TABLE cutter_governance.trust_policy (
  version integer NOT NULL,
  sha256 iu.sha256_digest NOT NULL,
  body bytea NOT NULL,
  accepted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  accepted_by name NOT NULL DEFAULT session_user,
  CONSTRAINT trust_policy_once PRIMARY KEY (version),
  CONSTRAINT trust_policy_accepted_once UNIQUE (sha256),
  CONSTRAINT trust_policy_digest_is_true CHECK (sha256 = sha256(body)),
  CONSTRAINT trust_policy_counts_from_1 CHECK (version > 0),
  CONSTRAINT trust_policy_is_bounded CHECK (octet_length(body) BETWEEN 2 AND 1048576)
);
COMMENT ON TABLE cutter_governance.trust_policy IS 'Trust policies that were accepted; the newest one counts. Signatures lie under its digest.';
COMMENT ON COLUMN cutter_governance.trust_policy.version IS 'Version of the policy, from 1 without gap.';
COMMENT ON COLUMN cutter_governance.trust_policy.sha256 IS 'Digest of its bytes.';
COMMENT ON COLUMN cutter_governance.trust_policy.body IS 'Its canonical JSON.';
COMMENT ON COLUMN cutter_governance.trust_policy.accepted_at IS 'When it was accepted.';
COMMENT ON COLUMN cutter_governance.trust_policy.accepted_by IS 'Login that accepted it.';

CREATE TABLE cutter_governance.execution_switch (
  seq integer NOT NULL,
  armed boolean NOT NULL,
  reason text NOT NULL,
  actor text NOT NULL,
  set_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  set_by name NOT NULL DEFAULT session_user,
  CONSTRAINT execution_switch_once PRIMARY KEY (seq),
  CONSTRAINT execution_switch_counts_from_1 CHECK (seq > 0),
  CONSTRAINT execution_switch_has_a_reason CHECK (octet_length(reason) BETWEEN 1 AND 2000),
  CONSTRAINT execution_switch_has_an_actor CHECK (octet_length(actor) BETWEEN 1 AND 200)
);
COMMENT ON TABLE cutter_governance.execution_switch IS
  'Every turn of the execution switch; the newest row decides, and no row means off.';
COMMENT ON COLUMN cutter_governance.execution_switch.seq IS 'Place in the order, from 1.';
COMMENT ON COLUMN cutter_governance.execution_switch.armed IS 'True if units may be written from here on.';
COMMENT ON COLUMN cutter_governance.execution_switch.reason IS 'Why it was turned.';
COMMENT ON COLUMN cutter_governance.execution_switch.actor IS 'Person who turned it.';
COMMENT ON COLUMN cutter_governance.execution_switch.set_at IS 'When it was turned.';
COMMENT ON COLUMN cutter_governance.execution_switch.set_by IS 'Login that turned it.';
