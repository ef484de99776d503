-- The tables of the governed schemas, whatever we think they are.
SELECT format('%%I.%%I', n.nspname, c.relname)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname IN ('iu', 'cutter_governance') AND c.relkind IN ('r', 'p')
ORDER BY format('%%I.%%I', n.nspname, c.relname) COLLATE "C"
