-- The signatures over one subject, by person and key.
SELECT s.person, s.key_id, s.armour
FROM cutter_governance.signature AS s
WHERE s.subject_sha256 = %(subject_sha256)s
ORDER BY s.person COLLATE "C", s.key_id
