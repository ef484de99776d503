-- Where the text of a source was read from: the file as it was given, and the map from the text back to it.

-- The function gets more parameters, and one name is one function; the function files make it anew.
DROP FUNCTION IF EXISTS iu.fn_source_add(text, text, uuid, bytea, text, date, text, bytea);

ALTER TABLE iu.source_version
  ADD COLUMN original_sha256 iu.sha256_digest,
  ADD COLUMN original_body bytea,
  ADD COLUMN original_media_type text COLLATE "C",
  ADD COLUMN text_trust text COLLATE "C",
  ADD COLUMN map_sha256 iu.sha256_digest,
  ADD COLUMN map_body bytea,
  ADD CONSTRAINT source_version_original_is_whole CHECK (
    num_nonnulls(original_sha256, original_body, original_media_type, text_trust, map_sha256, map_body) IN (0, 6)),
  ADD CONSTRAINT source_version_original_digest_is_true CHECK (original_sha256 = sha256(original_body)),
  ADD CONSTRAINT source_version_map_digest_is_true CHECK (map_sha256 = sha256(map_body)),
  ADD CONSTRAINT source_version_trust_is_known CHECK (text_trust IN ('exact', 'derived', 'low')),
  ADD CONSTRAINT source_version_original_media_type_has_form
    CHECK (original_media_type ~ '^[a-z0-9.+-]+/[a-z0-9.+-]+$');
COMMENT ON COLUMN iu.source_version.original_sha256 IS
  'Digest of the file that the text was read from; null where the text is the file.';
COMMENT ON COLUMN iu.source_version.original_body IS 'That file, byte for byte.';
COMMENT ON COLUMN iu.source_version.original_media_type IS 'Format of that file.';
COMMENT ON COLUMN iu.source_version.text_trust IS 'How far the text can be trusted to be the file''s own: exact, derived or low.';
COMMENT ON COLUMN iu.source_version.map_sha256 IS 'Digest of the map.';
COMMENT ON COLUMN iu.source_version.map_body IS 'The map from stretches of the text back to places in the file.';
