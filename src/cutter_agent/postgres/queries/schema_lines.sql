-- The shape of our schemas, one line a property: what the fingerprint on file is compared with.
WITH ours AS (
  SELECT n.oid, n.nspname FROM pg_namespace AS n WHERE n.nspname IN ('iu', 'cutter_governance', 'cutter_migration')
), relation AS (
  SELECT c.oid, format('%%I.%%I', o.nspname, c.relname) AS name, c.relkind
  FROM pg_class AS c JOIN ours AS o ON o.oid = c.relnamespace
)
SELECT regexp_replace(line, '[[:space:]]+', ' ', 'g') COLLATE "C" AS line FROM (
  SELECT format('column %%s %%s %%s %%s%%s%%s', r.name, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod),
    CASE WHEN a.attnotnull THEN ' not null' END,
    ' ' || CASE a.attgenerated WHEN 's' THEN 'generated ' ELSE 'default ' END || pg_get_expr(d.adbin, d.adrelid)) AS line
  FROM relation AS r
  JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE r.relkind = 'r'
  UNION ALL
  SELECT format('constraint %%s %%s %%s%%s', coalesce(r.name, t.typname), c.conname, pg_get_constraintdef(c.oid),
    CASE WHEN NOT c.convalidated THEN ' not valid' END)
  FROM pg_constraint AS c JOIN ours AS o ON o.oid = c.connamespace
  LEFT JOIN relation AS r ON r.oid = c.conrelid LEFT JOIN pg_type AS t ON t.oid = c.contypid
  WHERE c.contype IN ('c', 'f', 'p', 'u', 'x')
  UNION ALL
  SELECT format('index %%s %%s', r.name, pg_get_indexdef(r.oid)) FROM relation AS r WHERE r.relkind = 'i'
  UNION ALL
  SELECT format('trigger %%s %%s %%s', r.name, t.tgenabled, pg_get_triggerdef(t.oid))
  FROM pg_trigger AS t JOIN relation AS r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
  UNION ALL
  SELECT format('function %%I.%%I(%%s) returns %%s %%s %%s %%s %%s %%s', o.nspname, p.proname,
    pg_get_function_identity_arguments(p.oid), pg_get_function_result(p.oid),
    (SELECT l.lanname FROM pg_language AS l WHERE l.oid = p.prolang), p.provolatile,
    CASE WHEN p.prosecdef THEN 'definer' ELSE 'invoker' END, coalesce(array_to_string(p.proconfig, ' '), '-'),
    encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex'))
  FROM pg_proc AS p JOIN ours AS o ON o.oid = p.pronamespace
  UNION ALL
  SELECT format('enum %%I.%%I %%s', o.nspname, t.typname, string_agg(e.enumlabel, ' ' ORDER BY e.enumsortorder))
  FROM pg_enum AS e JOIN pg_type AS t ON t.oid = e.enumtypid JOIN ours AS o ON o.oid = t.typnamespace
  GROUP BY o.nspname, t.typname
) AS lines
ORDER BY 1
