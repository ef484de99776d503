-- Sources, and the records that every change hangs on: runs, approvals, change sets.

CREATE TABLE iu.text_profile (
  sha256 iu.sha256_digest NOT NULL,
  name text COLLATE "C" NOT NULL,
  toml bytea NOT NULL,
  CONSTRAINT text_profile_once PRIMARY KEY (sha256),
  CONSTRAINT text_profile_digest_is_true CHECK (sha256 = sha256(toml)),
  CONSTRAINT text_profile_is_bounded CHECK (octet_length(toml) BETWEEN 1 AND 1048576),
  CONSTRAINT text_profile_name_is_a_word CHECK (name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$')
);
COMMENT ON TABLE iu.text_profile IS 'Text profiles by content: the rules that found the marks of a source.';
COMMENT ON COLUMN iu.text_profile.sha256 IS 'Digest of the TOML bytes.';
COMMENT ON COLUMN iu.text_profile.name IS 'Name of the profile when it was stored.';
COMMENT ON COLUMN iu.text_profile.toml IS 'The profile, byte for byte.';

CREATE TABLE iu.source_document (
  document_id iu.document_code NOT NULL,
  title text NOT NULL,
  added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  added_by name NOT NULL DEFAULT session_user,
  CONSTRAINT source_document_once PRIMARY KEY (document_id),
  CONSTRAINT source_document_title_is_bounded CHECK (octet_length(title) BETWEEN 1 AND 2000)
);
COMMENT ON TABLE iu.source_document IS 'Documents that can be cut.';
COMMENT ON COLUMN iu.source_document.document_id IS 'Code of the document.';
COMMENT ON COLUMN iu.source_document.title IS 'Title, for people.';
COMMENT ON COLUMN iu.source_document.added_at IS 'When the document was added.';
COMMENT ON COLUMN iu.source_document.added_by IS 'Login that added it.';

CREATE TABLE iu.source_version (
  document_id iu.document_code NOT NULL,
  source_version_id uuid NOT NULL,
  version_no integer NOT NULL,
  sha256 iu.sha256_digest NOT NULL,
  body bytea NOT NULL,
  byte_len bigint NOT NULL GENERATED ALWAYS AS (octet_length(body)) STORED,
  media_type text COLLATE "C" NOT NULL,
  effective_date date,
  profile_name text COLLATE "C" NOT NULL,
  profile_sha256 iu.sha256_digest NOT NULL,
  added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  added_by name NOT NULL DEFAULT session_user,
  CONSTRAINT source_version_once PRIMARY KEY (document_id, source_version_id),
  CONSTRAINT source_version_id_names_one_document UNIQUE (source_version_id),
  CONSTRAINT source_version_numbered_once UNIQUE (document_id, version_no),
  CONSTRAINT source_version_of_a_document FOREIGN KEY (document_id) REFERENCES iu.source_document,
  CONSTRAINT source_version_of_a_profile FOREIGN KEY (profile_sha256) REFERENCES iu.text_profile,
  CONSTRAINT source_version_digest_is_true CHECK (sha256 = sha256(body)),
  CONSTRAINT source_version_is_not_empty CHECK (octet_length(body) > 0),
  CONSTRAINT source_version_counts_from_1 CHECK (version_no > 0),
  CONSTRAINT source_version_media_type_has_form CHECK (media_type ~ '^[a-z0-9.+-]+/[a-z0-9.+-]+(; ?[a-z0-9=-]+)*$')
);
COMMENT ON TABLE iu.source_version IS 'Source bytes of a document, version by version, exactly as they were given.';
COMMENT ON COLUMN iu.source_version.document_id IS 'The document.';
COMMENT ON COLUMN iu.source_version.source_version_id IS 'Id of this version.';
COMMENT ON COLUMN iu.source_version.version_no IS 'Place among the versions of the document, from 1.';
COMMENT ON COLUMN iu.source_version.sha256 IS 'Digest of the bytes; the table refuses a wrong one.';
COMMENT ON COLUMN iu.source_version.body IS 'The bytes.';
COMMENT ON COLUMN iu.source_version.byte_len IS 'How many bytes there are.';
COMMENT ON COLUMN iu.source_version.media_type IS 'Format of the bytes.';
COMMENT ON COLUMN iu.source_version.effective_date IS 'Day from which the text is in force, if it is known.';
COMMENT ON COLUMN iu.source_version.profile_name IS 'Name of the profile that marks this version.';
COMMENT ON COLUMN iu.source_version.profile_sha256 IS 'Digest of that profile.';
COMMENT ON COLUMN iu.source_version.added_at IS 'When the version was added.';
COMMENT ON COLUMN iu.source_version.added_by IS 'Login that added it.';

CREATE TABLE cutter_governance.run (
  run_id cutter_governance.run_id NOT NULL,
  document_id text COLLATE "C" NOT NULL,
  mode text COLLATE "C" NOT NULL DEFAULT 'live',
  starter text NOT NULL,
  candidate_cap integer NOT NULL,
  created_at timestamptz NOT NULL,
  fence bigint NOT NULL DEFAULT 0,
  holds_document boolean NOT NULL,
  outcome text COLLATE "C",
  ended_at timestamptz,
  CONSTRAINT run_once PRIMARY KEY (run_id),
  CONSTRAINT run_is_live CHECK (mode = 'live'),
  CONSTRAINT run_names_a_document CHECK (octet_length(document_id) BETWEEN 1 AND 200),
  CONSTRAINT run_names_its_starter CHECK (octet_length(starter) BETWEEN 1 AND 200),
  CONSTRAINT run_cap_counts CHECK (candidate_cap > 0),
  CONSTRAINT run_fence_counts CHECK (fence >= 0),
  CONSTRAINT run_outcome_is_known CHECK (outcome IN ('closed', 'ended', 'voided')),
  CONSTRAINT run_over_has_a_time CHECK ((outcome IS NULL) = (ended_at IS NULL)),
  CONSTRAINT run_over_holds_nothing CHECK (outcome IS NULL OR NOT holds_document)
);
CREATE UNIQUE INDEX run_one_in_flight_per_document ON cutter_governance.run (document_id) WHERE holds_document;
COMMENT ON TABLE cutter_governance.run IS
  'Live runs. A run may name a document that does not exist: that, too, is on record.';
COMMENT ON COLUMN cutter_governance.run.run_id IS 'Id of the run.';
COMMENT ON COLUMN cutter_governance.run.document_id IS 'Code that the operator named.';
COMMENT ON COLUMN cutter_governance.run.mode IS 'Always live: dry runs never reach this table.';
COMMENT ON COLUMN cutter_governance.run.starter IS 'Person who started the run.';
COMMENT ON COLUMN cutter_governance.run.candidate_cap IS 'Units that the document may have at most.';
COMMENT ON COLUMN cutter_governance.run.created_at IS 'When the run was created.';
COMMENT ON COLUMN cutter_governance.run.fence IS 'Grows with each claim; a writer with an older fence changes nothing.';
COMMENT ON COLUMN cutter_governance.run.holds_document IS 'True while no other run may cut the document.';
COMMENT ON COLUMN cutter_governance.run.outcome IS 'How the run ended: closed, ended or voided; null while it goes on.';
COMMENT ON COLUMN cutter_governance.run.ended_at IS 'When it ended.';

CREATE TABLE cutter_governance.run_event (
  run_id cutter_governance.run_id NOT NULL,
  seq integer NOT NULL,
  prev_seq integer GENERATED ALWAYS AS (nullif(seq - 1, 0)) STORED,
  kind text COLLATE "C" NOT NULL,
  payload bytea NOT NULL,
  prev_sha256 iu.sha256_digest,
  sha256 iu.sha256_digest NOT NULL GENERATED ALWAYS AS (
    sha256(coalesce(prev_sha256::bytea, '\x'::bytea) || int4send(seq)
      || sha256(run_id::text::bytea) || sha256(kind::bytea) || sha256(payload))) STORED,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  recorded_by name NOT NULL DEFAULT session_user,
  CONSTRAINT run_event_once PRIMARY KEY (run_id, seq),
  CONSTRAINT run_event_hash_names_one_event UNIQUE (run_id, seq, sha256),
  CONSTRAINT run_event_of_a_run FOREIGN KEY (run_id) REFERENCES cutter_governance.run,
  CONSTRAINT run_event_follows_the_one_before FOREIGN KEY (run_id, prev_seq, prev_sha256)
    REFERENCES cutter_governance.run_event (run_id, seq, sha256),
  CONSTRAINT run_event_first_has_none_before CHECK ((seq = 1) = (prev_sha256 IS NULL)),
  CONSTRAINT run_event_counts_from_1 CHECK (seq > 0),
  CONSTRAINT run_event_kind_is_known CHECK (kind IN ('opened', 'phase', 'request', 'stop', 'decision', 'proof')),
  CONSTRAINT run_event_payload_is_bounded CHECK (octet_length(payload) BETWEEN 2 AND 1048576)
);
COMMENT ON TABLE cutter_governance.run_event IS
  'History of each run as a hash chain without gap or fork. State, pins and outcome follow from it.';
COMMENT ON COLUMN cutter_governance.run_event.run_id IS 'The run.';
COMMENT ON COLUMN cutter_governance.run_event.seq IS 'Place in the history, from 1.';
COMMENT ON COLUMN cutter_governance.run_event.prev_seq IS 'Place of the event before; null at the first.';
COMMENT ON COLUMN cutter_governance.run_event.kind IS 'Kind of event.';
COMMENT ON COLUMN cutter_governance.run_event.payload IS 'Canonical JSON: time and body of the event.';
COMMENT ON COLUMN cutter_governance.run_event.prev_sha256 IS 'Hash of the event before.';
COMMENT ON COLUMN cutter_governance.run_event.sha256 IS
  'SHA-256 over the hash before, seq as 4 bytes, and the digests of run id, kind and payload.';
COMMENT ON COLUMN cutter_governance.run_event.recorded_at IS 'When the database took it.';
COMMENT ON COLUMN cutter_governance.run_event.recorded_by IS 'Login that recorded it.';

CREATE TABLE cutter_governance.run_document (
  run_id cutter_governance.run_id NOT NULL,
  name text COLLATE "C" NOT NULL,
  seq integer NOT NULL,
  sha256 iu.sha256_digest NOT NULL,
  body text NOT NULL,
  CONSTRAINT run_document_once PRIMARY KEY (run_id, name),
  CONSTRAINT run_document_of_an_event FOREIGN KEY (run_id, seq) REFERENCES cutter_governance.run_event (run_id, seq),
  CONSTRAINT run_document_digest_is_true CHECK (sha256 = sha256(convert_to(body, 'UTF8'))),
  CONSTRAINT run_document_name_is_a_file_name CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,120}$'),
  CONSTRAINT run_document_is_bounded CHECK (octet_length(body) <= 16777216)
);
COMMENT ON TABLE cutter_governance.run_document IS 'Documents of a run; the files in its folder are copies of these rows.';
COMMENT ON COLUMN cutter_governance.run_document.run_id IS 'The run.';
COMMENT ON COLUMN cutter_governance.run_document.name IS 'File name.';
COMMENT ON COLUMN cutter_governance.run_document.seq IS 'Event with which it was recorded.';
COMMENT ON COLUMN cutter_governance.run_document.sha256 IS 'Digest of the text in UTF-8.';
COMMENT ON COLUMN cutter_governance.run_document.body IS 'The text.';

CREATE TABLE cutter_governance.lane (
  document_id text COLLATE "C" NOT NULL,
  run_id cutter_governance.run_id NOT NULL,
  fence bigint NOT NULL,
  driver text NOT NULL,
  claimed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT lane_one_per_document PRIMARY KEY (document_id),
  CONSTRAINT lane_of_a_run FOREIGN KEY (run_id) REFERENCES cutter_governance.run
);
COMMENT ON TABLE cutter_governance.lane IS
  'Who drove a document last: a hint for people. Safety is the fence, liveness the session lock; no backup holds it.';
COMMENT ON COLUMN cutter_governance.lane.document_id IS 'The document.';
COMMENT ON COLUMN cutter_governance.lane.run_id IS 'The run that was claimed.';
COMMENT ON COLUMN cutter_governance.lane.fence IS 'Fence of that claim.';
COMMENT ON COLUMN cutter_governance.lane.driver IS 'Process that claimed it, as it names itself.';
COMMENT ON COLUMN cutter_governance.lane.claimed_at IS 'When it was claimed.';

CREATE TABLE cutter_governance.approval (
  request_sha256 iu.sha256_digest NOT NULL,
  run_id cutter_governance.run_id NOT NULL,
  gate text COLLATE "C" NOT NULL,
  decision text COLLATE "C" NOT NULL,
  request bytea NOT NULL,
  expires_at timestamptz NOT NULL,
  CONSTRAINT approval_once PRIMARY KEY (request_sha256),
  CONSTRAINT approval_names_run_gate_and_decision UNIQUE (request_sha256, run_id, gate, decision),
  CONSTRAINT approval_of_a_run FOREIGN KEY (run_id) REFERENCES cutter_governance.run,
  CONSTRAINT approval_digest_is_true CHECK (request_sha256 = sha256(request)),
  CONSTRAINT approval_is_bounded CHECK (octet_length(request) <= 4194304),
  CONSTRAINT approval_gate_and_decision_fit CHECK (
    gate IN ('SG_1_cut_authz', 'SG_2_lifecycle_authz') AND decision = 'approve'
    OR gate = 'SG_3_failure_escalation' AND decision IN ('retry', 'void'))
);
COMMENT ON TABLE cutter_governance.approval IS 'Requests that were approved, byte for byte as their approvers signed them.';
COMMENT ON COLUMN cutter_governance.approval.request_sha256 IS 'Digest of the request: its only key, whatever the signatures.';
COMMENT ON COLUMN cutter_governance.approval.run_id IS 'Run that asked.';
COMMENT ON COLUMN cutter_governance.approval.gate IS 'Gate at which it asked.';
COMMENT ON COLUMN cutter_governance.approval.decision IS 'What was decided: approve, or retry or void at the escalation gate.';
COMMENT ON COLUMN cutter_governance.approval.request IS 'The bytes.';
COMMENT ON COLUMN cutter_governance.approval.expires_at IS 'End of its life, from its header.';

CREATE TABLE cutter_governance.approval_use (
  request_sha256 iu.sha256_digest NOT NULL,
  run_id cutter_governance.run_id NOT NULL,
  gate text COLLATE "C" NOT NULL,
  decision text COLLATE "C" NOT NULL,
  n integer NOT NULL,
  used_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  used_by name NOT NULL DEFAULT session_user,
  CONSTRAINT approval_use_once PRIMARY KEY (request_sha256),
  CONSTRAINT approval_use_numbered_once UNIQUE (run_id, gate, n),
  CONSTRAINT approval_use_of_an_approval FOREIGN KEY (request_sha256, run_id, gate, decision)
    REFERENCES cutter_governance.approval (request_sha256, run_id, gate, decision),
  CONSTRAINT approval_use_once_per_run_and_gate CHECK (n > 0 AND (n = 1 OR gate = 'SG_3_failure_escalation'))
);
COMMENT ON TABLE cutter_governance.approval_use IS
  'Consumption of an approval: once in the whole database, written in the transaction of its effect.';
COMMENT ON COLUMN cutter_governance.approval_use.request_sha256 IS 'The approval.';
COMMENT ON COLUMN cutter_governance.approval_use.run_id IS 'Run that used it.';
COMMENT ON COLUMN cutter_governance.approval_use.gate IS 'Gate that it opened.';
COMMENT ON COLUMN cutter_governance.approval_use.decision IS 'What it decided.';
COMMENT ON COLUMN cutter_governance.approval_use.n IS 'Which use of this gate in this run; only the escalation gate has more than one.';
COMMENT ON COLUMN cutter_governance.approval_use.used_at IS 'When it was used.';
COMMENT ON COLUMN cutter_governance.approval_use.used_by IS 'Login that used it.';

CREATE TABLE cutter_governance.signature (
  subject_sha256 iu.sha256_digest NOT NULL,
  key_id text COLLATE "C" NOT NULL,
  person text NOT NULL,
  armour bytea NOT NULL,
  CONSTRAINT signature_once PRIMARY KEY (subject_sha256, key_id),
  CONSTRAINT signature_names_its_key CHECK (octet_length(key_id) BETWEEN 1 AND 200),
  CONSTRAINT signature_names_its_person CHECK (octet_length(person) BETWEEN 1 AND 200),
  CONSTRAINT signature_is_bounded CHECK (octet_length(armour) <= 67108864)
);
COMMENT ON TABLE cutter_governance.signature IS 'Signatures by the digest of what they sign: persons'' and machines''.';
COMMENT ON COLUMN cutter_governance.signature.subject_sha256 IS 'Digest of the signed bytes.';
COMMENT ON COLUMN cutter_governance.signature.key_id IS 'Fingerprint of the key.';
COMMENT ON COLUMN cutter_governance.signature.person IS 'Who signed: a person, or executor or verifier.';
COMMENT ON COLUMN cutter_governance.signature.armour IS 'The signature as it was given: SSHSIG armour or a DSSE envelope.';

CREATE TABLE cutter_governance.cut_change_set (
  document_id iu.document_code NOT NULL,
  change_set_id uuid NOT NULL,
  run_id cutter_governance.run_id NOT NULL,
  source_version_id uuid NOT NULL,
  plan_sha256 iu.sha256_digest NOT NULL,
  created integer NOT NULL,
  changed integer NOT NULL,
  kept integer NOT NULL,
  retired integer NOT NULL,
  state text COLLATE "C" NOT NULL DEFAULT 'open',
  minted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  closed_at timestamptz,
  CONSTRAINT cut_change_set_once PRIMARY KEY (document_id, change_set_id),
  CONSTRAINT cut_change_set_id_names_one_document UNIQUE (change_set_id),
  CONSTRAINT cut_change_set_one_per_run UNIQUE (run_id),
  CONSTRAINT cut_change_set_of_a_run FOREIGN KEY (run_id) REFERENCES cutter_governance.run,
  CONSTRAINT cut_change_set_of_a_source_version FOREIGN KEY (document_id, source_version_id)
    REFERENCES iu.source_version (document_id, source_version_id),
  CONSTRAINT cut_change_set_counts CHECK (created >= 0 AND changed >= 0 AND kept >= 0 AND retired >= 0),
  CONSTRAINT cut_change_set_state_is_known CHECK (state IN ('open', 'enacted', 'withdrawn')),
  CONSTRAINT cut_change_set_closed_has_a_time CHECK ((state = 'open') = (closed_at IS NULL))
);
CREATE UNIQUE INDEX cut_change_set_one_open_per_document
  ON cutter_governance.cut_change_set (document_id) WHERE state = 'open';
COMMENT ON TABLE cutter_governance.cut_change_set IS 'What one cut changes: the parent of every draft it writes.';
COMMENT ON COLUMN cutter_governance.cut_change_set.document_id IS 'The document.';
COMMENT ON COLUMN cutter_governance.cut_change_set.change_set_id IS 'Id of the change set.';
COMMENT ON COLUMN cutter_governance.cut_change_set.run_id IS 'Run that minted it.';
COMMENT ON COLUMN cutter_governance.cut_change_set.source_version_id IS 'Source version that it brings into force.';
COMMENT ON COLUMN cutter_governance.cut_change_set.plan_sha256 IS 'Digest of the plan: writer_digest.';
COMMENT ON COLUMN cutter_governance.cut_change_set.created IS 'Units that it creates.';
COMMENT ON COLUMN cutter_governance.cut_change_set.changed IS 'Units that it changes.';
COMMENT ON COLUMN cutter_governance.cut_change_set.kept IS 'Units that stay as they are.';
COMMENT ON COLUMN cutter_governance.cut_change_set.retired IS 'Units that it takes out of force.';
COMMENT ON COLUMN cutter_governance.cut_change_set.state IS 'open, then enacted or withdrawn.';
COMMENT ON COLUMN cutter_governance.cut_change_set.minted_at IS 'When it was minted.';
COMMENT ON COLUMN cutter_governance.cut_change_set.closed_at IS 'When it was enacted or withdrawn.';

CREATE TABLE cutter_governance.review_decision (
  document_id iu.document_code NOT NULL,
  decision_id uuid NOT NULL,
  change_set_id uuid NOT NULL,
  verdict text COLLATE "C" NOT NULL,
  request_sha256 iu.sha256_digest NOT NULL,
  decided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT review_decision_once PRIMARY KEY (decision_id),
  CONSTRAINT review_decision_one_per_request UNIQUE (request_sha256),
  CONSTRAINT review_decision_names_change_set_and_verdict UNIQUE (document_id, change_set_id, decision_id, verdict),
  CONSTRAINT review_decision_of_a_change_set FOREIGN KEY (document_id, change_set_id)
    REFERENCES cutter_governance.cut_change_set,
  CONSTRAINT review_decision_of_an_approval FOREIGN KEY (request_sha256) REFERENCES cutter_governance.approval,
  CONSTRAINT review_decision_verdict_is_known CHECK (verdict IN ('approve', 'reject'))
);
COMMENT ON TABLE cutter_governance.review_decision IS 'Decisions about drafts; only an approving one lets them be enacted.';
COMMENT ON COLUMN cutter_governance.review_decision.document_id IS 'The document.';
COMMENT ON COLUMN cutter_governance.review_decision.decision_id IS 'Id of the decision, fresh for each request.';
COMMENT ON COLUMN cutter_governance.review_decision.change_set_id IS 'Change set that was decided on.';
COMMENT ON COLUMN cutter_governance.review_decision.verdict IS 'approve or reject.';
COMMENT ON COLUMN cutter_governance.review_decision.request_sha256 IS 'Signed request that carries the decision.';
COMMENT ON COLUMN cutter_governance.review_decision.decided_at IS 'When the database took it.';
