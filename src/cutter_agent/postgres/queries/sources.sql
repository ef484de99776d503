-- Every source version, newest first within its document.
SELECT v.document_id::text, d.title, v.version_no, v.source_version_id::text, encode(v.sha256, 'hex'), v.byte_len,
  v.media_type, v.effective_date::text, v.profile_name
FROM iu.source_version AS v
JOIN iu.source_document AS d ON d.document_id = v.document_id
ORDER BY v.document_id, v.version_no DESC
