-- Schemas, types and the vocabulary. Everything belongs to cutter_owner, who cannot log in.

CREATE SCHEMA iu;
COMMENT ON SCHEMA iu IS 'Information units: sources, units, versions, their texts and their lifecycle.';
CREATE SCHEMA cutter_governance;
COMMENT ON SCHEMA cutter_governance IS 'Who was allowed to do what, what was done, and the proof of it.';

CREATE DOMAIN iu.document_code AS text COLLATE "C"
  CONSTRAINT document_code_is_an_address_prefix CHECK (VALUE ~ '^[A-Z0-9][A-Z0-9-]{0,62}$');
COMMENT ON DOMAIN iu.document_code IS 'Code of a document: its id and the prefix of its addresses in one.';

CREATE DOMAIN iu.sha256_digest AS bytea
  CONSTRAINT sha256_digest_is_32_bytes CHECK (octet_length(VALUE) = 32);
COMMENT ON DOMAIN iu.sha256_digest IS 'A SHA-256 digest, as its 32 bytes.';

CREATE DOMAIN cutter_governance.run_id AS text COLLATE "C"
  CONSTRAINT run_id_has_time_and_entropy CHECK (VALUE ~ '^ictr-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}$');
COMMENT ON DOMAIN cutter_governance.run_id IS 'Id of a run: ictr-<UTC time>-<8 hex>; sorts by time.';

CREATE TYPE iu.lifecycle_state AS ENUM ('draft', 'enacted', 'superseded', 'retired', 'withdrawn');
COMMENT ON TYPE iu.lifecycle_state IS
  'draft, then enacted, then superseded or retired; or draft, then withdrawn.';

CREATE TABLE iu.vocabulary (
  kind text COLLATE "C" NOT NULL,
  CONSTRAINT vocabulary_kind_once PRIMARY KEY (kind),
  CONSTRAINT vocabulary_kind_is_a_word CHECK (kind ~ '^[a-z][a-z_]{0,30}$')
);
COMMENT ON TABLE iu.vocabulary IS 'The closed core of kinds of units; what a country calls them is an alias.';
COMMENT ON COLUMN iu.vocabulary.kind IS 'A kind that a unit may have.';
INSERT INTO iu.vocabulary (kind) VALUES
  ('annex'), ('article'), ('book'), ('chapter'), ('document'), ('footnote'), ('indent'),
  ('non_content'), ('paragraph'), ('part'), ('point'), ('preamble'), ('preface'), ('principle'),
  ('quoted'), ('recital'), ('residue'), ('row'), ('section'), ('signature'), ('subsection'),
  ('table'), ('title');

CREATE FUNCTION iu.fn_spans_ascend(p_spans bigint[]) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  -- Starts may touch the end before them; an end lies after its start.
  SELECT coalesce(bool_and(CASE WHEN position % 2 = 0 THEN place > before ELSE place >= before END), true)
  FROM (SELECT place, position, lag(place, 1, 0::bigint) OVER (ORDER BY position) AS before
        FROM unnest(p_spans) WITH ORDINALITY AS t (place, position)) AS places;
$$;
COMMENT ON FUNCTION iu.fn_spans_ascend(bigint[]) IS
  'True if the numbers are pairs [start, end) that ascend and do not overlap.';
