-- What several machines share to work on the same runs: signatures on their way, and how often a run was tried in vain.

CREATE TABLE cutter_governance.offered_signature (
  run_id cutter_governance.run_id NOT NULL,
  request_name text COLLATE "C" NOT NULL,
  person text COLLATE "C" NOT NULL,
  rejects boolean NOT NULL,
  armour bytea NOT NULL,
  offered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  offered_by name NOT NULL DEFAULT session_user,
  CONSTRAINT offered_signature_newest_of_a_person PRIMARY KEY (run_id, request_name, person, rejects),
  CONSTRAINT offered_signature_beside_a_document FOREIGN KEY (run_id, request_name)
    REFERENCES cutter_governance.run_document (run_id, name),
  CONSTRAINT offered_signature_of_a_request CHECK (request_name ~ '^SG[123]-'),
  CONSTRAINT offered_signature_person_fits_a_file_name CHECK (person ~ '^[A-Za-z0-9_][A-Za-z0-9_@+-]{0,63}$'),
  CONSTRAINT offered_signature_is_bounded CHECK (octet_length(armour) BETWEEN 1 AND 8192)
);
COMMENT ON TABLE cutter_governance.offered_signature IS
  'Signatures on their way from approvers to whoever drives the run; unjudged, and worth nothing by lying here. No backup holds it.';
COMMENT ON COLUMN cutter_governance.offered_signature.run_id IS 'The run that waits.';
COMMENT ON COLUMN cutter_governance.offered_signature.request_name IS 'File name of the request.';
COMMENT ON COLUMN cutter_governance.offered_signature.person IS 'Whose signature it says it is.';
COMMENT ON COLUMN cutter_governance.offered_signature.rejects IS 'True for a refusal.';
COMMENT ON COLUMN cutter_governance.offered_signature.armour IS 'The signature, as it would lie in a file beside the request.';
COMMENT ON COLUMN cutter_governance.offered_signature.offered_at IS 'When it came.';
COMMENT ON COLUMN cutter_governance.offered_signature.offered_by IS 'Login that brought it.';

ALTER TABLE cutter_governance.lane
  ADD COLUMN seq integer NOT NULL DEFAULT 0,
  ADD COLUMN claims integer NOT NULL DEFAULT 1;
COMMENT ON COLUMN cutter_governance.lane.seq IS 'The run''s newest event when it was claimed.';
COMMENT ON COLUMN cutter_governance.lane.claims IS 'How often the run was claimed at that event: attempts that came to nothing.';
