-- Units, their versions, texts and lifecycle. Every key begins with the document.

CREATE TABLE iu.text_blob (
  sha256 iu.sha256_digest NOT NULL,
  body text NOT NULL,
  CONSTRAINT text_blob_once PRIMARY KEY (sha256),
  CONSTRAINT text_blob_digest_is_true CHECK (sha256 = sha256(convert_to(body, 'UTF8')))
);
COMMENT ON TABLE iu.text_blob IS 'Texts by content: the key is the digest of the text, and the table checks it.';
COMMENT ON COLUMN iu.text_blob.sha256 IS 'Digest of the text in UTF-8.';
COMMENT ON COLUMN iu.text_blob.body IS 'The text.';

CREATE TABLE iu.information_unit (
  document_id iu.document_code NOT NULL,
  unit_id uuid NOT NULL,
  change_set_id uuid NOT NULL,
  CONSTRAINT information_unit_once PRIMARY KEY (document_id, unit_id),
  CONSTRAINT information_unit_of_a_change_set FOREIGN KEY (document_id, change_set_id)
    REFERENCES cutter_governance.cut_change_set
);
COMMENT ON TABLE iu.information_unit IS 'Identity of a unit: it never changes, whatever its text and address do.';
COMMENT ON COLUMN iu.information_unit.document_id IS 'The document.';
COMMENT ON COLUMN iu.information_unit.unit_id IS 'Permanent id of the unit.';
COMMENT ON COLUMN iu.information_unit.change_set_id IS 'Change set that first drafted it.';

CREATE TABLE iu.unit_version (
  document_id iu.document_code NOT NULL,
  version_id uuid NOT NULL,
  unit_id uuid NOT NULL,
  version_no integer NOT NULL,
  source_version_id uuid NOT NULL,
  change_set_id uuid NOT NULL,
  address text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  parent_address text COLLATE "C",
  ordinal integer NOT NULL,
  alias text NOT NULL,
  heading text NOT NULL,
  num text NOT NULL,
  own_spans bigint[] NOT NULL,
  body_sha256 iu.sha256_digest NOT NULL,
  CONSTRAINT unit_version_once PRIMARY KEY (document_id, version_id),
  CONSTRAINT unit_version_address_once_per_change_set UNIQUE (document_id, change_set_id, address),
  -- Not by version number: the draft of a withdrawn change set leaves its number to the next one.
  CONSTRAINT unit_version_one_per_unit_and_change_set UNIQUE (document_id, unit_id, change_set_id),
  CONSTRAINT unit_version_of_a_unit FOREIGN KEY (document_id, unit_id) REFERENCES iu.information_unit,
  CONSTRAINT unit_version_of_a_source_version FOREIGN KEY (document_id, source_version_id)
    REFERENCES iu.source_version,
  CONSTRAINT unit_version_of_a_change_set FOREIGN KEY (document_id, change_set_id)
    REFERENCES cutter_governance.cut_change_set,
  CONSTRAINT unit_version_of_a_known_kind FOREIGN KEY (kind) REFERENCES iu.vocabulary,
  CONSTRAINT unit_version_of_a_text FOREIGN KEY (body_sha256) REFERENCES iu.text_blob,
  CONSTRAINT unit_version_counts_from_1 CHECK (version_no > 0 AND ordinal > 0),
  CONSTRAINT unit_version_address_begins_with_document CHECK (
    starts_with(address, document_id || '/') AND octet_length(address) <= 1000),
  CONSTRAINT unit_version_parent_is_another CHECK (parent_address <> address),
  CONSTRAINT unit_version_spans_ascend CHECK (
    array_position(own_spans, NULL) IS NULL AND cardinality(own_spans) % 2 = 0
    AND CASE WHEN cardinality(own_spans) = 2
      THEN own_spans[1] >= 0 AND own_spans[1] < own_spans[2]
      ELSE iu.fn_spans_ascend(own_spans) END)
);
COMMENT ON TABLE iu.unit_version IS
  'Versions of units: immutable once written. Its state is the newest row of the lifecycle log.';
COMMENT ON COLUMN iu.unit_version.document_id IS 'The document.';
COMMENT ON COLUMN iu.unit_version.version_id IS 'Id of the version.';
COMMENT ON COLUMN iu.unit_version.unit_id IS 'The unit.';
COMMENT ON COLUMN iu.unit_version.version_no IS 'Place among the versions of the unit that came into force, from 1.';
COMMENT ON COLUMN iu.unit_version.source_version_id IS 'Source version that the text was cut from.';
COMMENT ON COLUMN iu.unit_version.change_set_id IS 'Change set that wrote it.';
COMMENT ON COLUMN iu.unit_version.address IS 'Address in the document, such as CODE/ART-5.';
COMMENT ON COLUMN iu.unit_version.kind IS 'Kind of unit.';
COMMENT ON COLUMN iu.unit_version.parent_address IS 'Address of the unit above, or null.';
COMMENT ON COLUMN iu.unit_version.ordinal IS 'Place among the siblings, from 1.';
COMMENT ON COLUMN iu.unit_version.alias IS 'What the profile calls the kind, or empty.';
COMMENT ON COLUMN iu.unit_version.heading IS 'Heading, or empty.';
COMMENT ON COLUMN iu.unit_version.num IS 'Number as printed, or empty.';
COMMENT ON COLUMN iu.unit_version.own_spans IS 'Own bytes in the source, without children: start, end, start, end, …';
COMMENT ON COLUMN iu.unit_version.body_sha256 IS 'Digest of the own bytes, joined; names the text.';

CREATE TABLE iu.lifecycle_log (
  document_id iu.document_code NOT NULL,
  version_id uuid NOT NULL,
  seq smallint NOT NULL,
  prev_seq smallint GENERATED ALWAYS AS (nullif(seq - 1, 0)::smallint) STORED,
  from_state iu.lifecycle_state,
  to_state iu.lifecycle_state NOT NULL,
  change_set_id uuid NOT NULL,
  decision_id uuid,
  verdict text COLLATE "C" GENERATED ALWAYS AS (CASE WHEN decision_id IS NULL THEN NULL ELSE 'approve' END) STORED,
  logged_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT lifecycle_log_once PRIMARY KEY (document_id, version_id, seq),
  CONSTRAINT lifecycle_log_state_names_one_row UNIQUE (document_id, version_id, seq, to_state),
  CONSTRAINT lifecycle_log_of_a_version FOREIGN KEY (document_id, version_id) REFERENCES iu.unit_version,
  CONSTRAINT lifecycle_log_follows_the_row_before FOREIGN KEY (document_id, version_id, prev_seq, from_state)
    REFERENCES iu.lifecycle_log (document_id, version_id, seq, to_state),
  CONSTRAINT lifecycle_log_of_a_change_set FOREIGN KEY (document_id, change_set_id)
    REFERENCES cutter_governance.cut_change_set,
  CONSTRAINT lifecycle_log_needs_an_approving_decision FOREIGN KEY (document_id, change_set_id, decision_id, verdict)
    REFERENCES cutter_governance.review_decision (document_id, change_set_id, decision_id, verdict),
  CONSTRAINT lifecycle_log_first_has_none_before CHECK ((seq = 1) = (from_state IS NULL)),
  CONSTRAINT lifecycle_log_counts_from_1 CHECK (seq > 0),
  CONSTRAINT lifecycle_log_goes_along_an_edge CHECK (
    from_state IS NULL AND to_state = 'draft'
    OR from_state = 'draft' AND to_state IN ('enacted', 'withdrawn')
    OR from_state = 'enacted' AND to_state IN ('superseded', 'retired')),
  CONSTRAINT lifecycle_log_force_needs_a_decision CHECK (
    (to_state IN ('enacted', 'superseded', 'retired')) = (decision_id IS NOT NULL))
);
COMMENT ON TABLE iu.lifecycle_log IS
  'Lifecycle of each version, append-only. A self foreign key refuses gaps, forks and double enactment.';
COMMENT ON COLUMN iu.lifecycle_log.document_id IS 'The document.';
COMMENT ON COLUMN iu.lifecycle_log.version_id IS 'The version.';
COMMENT ON COLUMN iu.lifecycle_log.seq IS 'Place in the version''s life, from 1.';
COMMENT ON COLUMN iu.lifecycle_log.prev_seq IS 'Place of the row before; null at the first.';
COMMENT ON COLUMN iu.lifecycle_log.from_state IS 'State before; null at the first.';
COMMENT ON COLUMN iu.lifecycle_log.to_state IS 'State from here on.';
COMMENT ON COLUMN iu.lifecycle_log.change_set_id IS 'Change set that moved it.';
COMMENT ON COLUMN iu.lifecycle_log.decision_id IS 'Decision that allowed it; null for draft and withdrawn.';
COMMENT ON COLUMN iu.lifecycle_log.verdict IS 'approve wherever there is a decision: no other decision fits the foreign key.';
COMMENT ON COLUMN iu.lifecycle_log.logged_at IS 'When it was logged.';

CREATE TABLE iu.unit_in_force (
  document_id iu.document_code NOT NULL,
  version_id uuid NOT NULL,
  unit_id uuid NOT NULL,
  address text COLLATE "C" NOT NULL,
  effective_from date NOT NULL,
  effective_until date,
  enacted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at timestamptz,
  CONSTRAINT unit_in_force_once_per_version PRIMARY KEY (document_id, version_id),
  CONSTRAINT unit_in_force_of_a_version FOREIGN KEY (document_id, version_id) REFERENCES iu.unit_version,
  CONSTRAINT unit_in_force_ends_whole CHECK ((ended_at IS NULL) = (effective_until IS NULL)),
  CONSTRAINT unit_in_force_ends_after_it_begins CHECK (effective_until >= effective_from)
);
CREATE UNIQUE INDEX unit_in_force_one_per_address ON iu.unit_in_force (document_id, address) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX unit_in_force_one_per_unit ON iu.unit_in_force (document_id, unit_id) WHERE ended_at IS NULL;
COMMENT ON TABLE iu.unit_in_force IS
  'When each version was in force; written by enactment only. At most one open row for an address and for a unit.';
COMMENT ON COLUMN iu.unit_in_force.document_id IS 'The document.';
COMMENT ON COLUMN iu.unit_in_force.version_id IS 'The version.';
COMMENT ON COLUMN iu.unit_in_force.unit_id IS 'Its unit.';
COMMENT ON COLUMN iu.unit_in_force.address IS 'Its address.';
COMMENT ON COLUMN iu.unit_in_force.effective_from IS 'First day in force: the source version''s effective date, else the day of enactment.';
COMMENT ON COLUMN iu.unit_in_force.effective_until IS 'First day no longer in force; null while it is in force.';
COMMENT ON COLUMN iu.unit_in_force.enacted_at IS 'When it was enacted here.';
COMMENT ON COLUMN iu.unit_in_force.ended_at IS 'When it was superseded or retired here.';

CREATE TABLE iu.canonical_address_alias (
  document_id iu.document_code NOT NULL,
  alias_address text COLLATE "C" NOT NULL,
  unit_id uuid NOT NULL,
  change_set_id uuid NOT NULL,
  CONSTRAINT canonical_address_alias_once PRIMARY KEY (document_id, alias_address, change_set_id),
  CONSTRAINT canonical_address_alias_of_a_unit FOREIGN KEY (document_id, unit_id) REFERENCES iu.information_unit,
  CONSTRAINT canonical_address_alias_of_a_change_set FOREIGN KEY (document_id, change_set_id)
    REFERENCES cutter_governance.cut_change_set
);
COMMENT ON TABLE iu.canonical_address_alias IS
  'Addresses that a unit had before and has no longer: old citations still lead to it.';
COMMENT ON COLUMN iu.canonical_address_alias.document_id IS 'The document.';
COMMENT ON COLUMN iu.canonical_address_alias.alias_address IS 'The former address.';
COMMENT ON COLUMN iu.canonical_address_alias.unit_id IS 'Unit that had it.';
COMMENT ON COLUMN iu.canonical_address_alias.change_set_id IS 'Change set that gave the unit its next address, or took it out of force.';
