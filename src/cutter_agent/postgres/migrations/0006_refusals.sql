-- Refusals: what persons signed against a request is kept as their approvals are, and the log tells of it.

CREATE TABLE cutter_governance.refusal (
  request_sha256 iu.sha256_digest NOT NULL,
  key_id text COLLATE "C" NOT NULL,
  person text NOT NULL,
  run_id cutter_governance.run_id NOT NULL,
  gate text COLLATE "C" NOT NULL,
  request bytea NOT NULL,
  armour bytea NOT NULL,
  refused_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by name NOT NULL DEFAULT session_user,
  CONSTRAINT refusal_once PRIMARY KEY (request_sha256, key_id),
  CONSTRAINT refusal_of_a_run FOREIGN KEY (run_id) REFERENCES cutter_governance.run,
  CONSTRAINT refusal_digest_is_true CHECK (request_sha256 = sha256(request)),
  CONSTRAINT refusal_gate_is_known CHECK (
    gate IN ('SG_1_cut_authz', 'SG_2_lifecycle_authz', 'SG_3_failure_escalation')),
  CONSTRAINT refusal_names_its_key CHECK (octet_length(key_id) BETWEEN 1 AND 200),
  CONSTRAINT refusal_names_its_person CHECK (octet_length(person) BETWEEN 1 AND 200),
  CONSTRAINT refusal_is_bounded CHECK (octet_length(request) <= 4194304 AND octet_length(armour) BETWEEN 1 AND 8192)
);
COMMENT ON TABLE cutter_governance.refusal IS
  'Signed refusals: the request byte for byte, and the signature of each person who said no to it.';
COMMENT ON COLUMN cutter_governance.refusal.request_sha256 IS 'Digest of the request that was refused.';
COMMENT ON COLUMN cutter_governance.refusal.key_id IS 'Fingerprint of the key.';
COMMENT ON COLUMN cutter_governance.refusal.person IS 'Who said no.';
COMMENT ON COLUMN cutter_governance.refusal.run_id IS 'Run that had asked.';
COMMENT ON COLUMN cutter_governance.refusal.gate IS 'Gate at which it had asked.';
COMMENT ON COLUMN cutter_governance.refusal.request IS 'The bytes.';
COMMENT ON COLUMN cutter_governance.refusal.armour IS 'The signature as it was given, in the namespace of refusals.';
COMMENT ON COLUMN cutter_governance.refusal.refused_at IS 'When it was recorded.';
COMMENT ON COLUMN cutter_governance.refusal.recorded_by IS 'Login that recorded it.';

ALTER TABLE cutter_governance.transparency_log DROP CONSTRAINT transparency_log_kind_is_known;
ALTER TABLE cutter_governance.transparency_log ADD CONSTRAINT transparency_log_kind_is_known
  CHECK (kind IN ('approval_use', 'enactment', 'refusal', 'trust_policy'));
