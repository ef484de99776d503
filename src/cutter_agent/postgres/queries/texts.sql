-- The texts with these digests.
SELECT encode(t.sha256, 'hex') AS sha256, t.body
FROM iu.text_blob AS t
WHERE t.sha256 = ANY (%(sha256s)s::bytea[])
