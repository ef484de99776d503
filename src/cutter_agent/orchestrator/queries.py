"""The SQL behind the look-ups: read-only, one statement each, the same rows for every role of ours.

Parameters are written %(name)s (Contract 8); column names are the field names in `facts`. Sessions
that run them pin TimeZone, DateStyle, bytea_output and search_path, for rows are hashed as text.
"""

# ruff: noqa: S608 - the SQL is joined from constants of this module only

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SOURCE_DOCUMENT: Final = """
SELECT d.document_id::text AS document_id, d.title
FROM iu.source_document AS d
WHERE d.document_id = %(document_id)s::text
"""
"""The document with this code: none or one row."""

LATEST_SOURCE_VERSION: Final = """
SELECT v.source_version_id::text AS source_version_id, v.document_id::text AS document_id, v.version_no,
  encode(v.sha256, 'hex') AS sha256, v.byte_len, v.media_type, v.effective_date::text AS effective_date,
  v.profile_name, encode(v.profile_sha256, 'hex') AS profile_sha256, p.toml AS profile_toml
FROM iu.source_version AS v
JOIN iu.text_profile AS p ON p.sha256 = v.profile_sha256
WHERE v.document_id = %(document_id)s::text
ORDER BY v.version_no DESC
LIMIT 1
"""
"""The newest source version of the document, with its profile: none or one row."""

SOURCE_BYTES: Final = """
SELECT v.body
FROM iu.source_version AS v
WHERE v.source_version_id = %(source_version_id)s::text::uuid
"""
"""The exact bytes of a source version: none or one row."""

VOCAB: Final = """
SELECT coalesce(array_agg(k.kind ORDER BY k.kind), '{}') AS kinds,
  encode(sha256(convert_to(
    '[' || coalesce(string_agg(to_json(k.kind)::text, ',' ORDER BY k.kind), '') || ']', 'UTF8')), 'hex') AS sha256
FROM iu.vocabulary AS k
"""
"""The kinds that the database knows, sorted, and the digest of their canonical JSON: one row."""

FUNCTIONS: Final = """
SELECT format('%%I.%%I(%%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS signature,
  encode(sha256(convert_to(
    pg_get_functiondef(p.oid) || E'\\n' || pg_get_userbyid(p.proowner) || E'\\n' || coalesce((
      -- In the order of names: the same functions of two servers have the same digest.
      SELECT string_agg(l.line, E'\\n' ORDER BY l.line COLLATE "C")
      FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a, LATERAL concat_ws('|',
        CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END,
        pg_get_userbyid(a.grantor), a.privilege_type, a.is_grantable) AS l (line)), ''),
    'UTF8')), 'hex') AS sha256,
  md5(p.prosrc) AS prosrc_md5
FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname IN ('iu', 'cutter_governance', 'cutter_migration') AND p.prokind IN ('f', 'p')
ORDER BY format('%%I.%%I', n.nspname, p.proname) COLLATE "C", pg_get_function_identity_arguments(p.oid) COLLATE "C"
"""
"""Every function of our schemas with the digest of its definition, owner and access list."""

GRANT_MATRIX: Final = """
WITH ours AS (
  SELECT n.oid, n.nspname, n.nspowner, n.nspacl
  FROM pg_namespace AS n
  WHERE n.nspname IN ('iu', 'cutter_governance', 'cutter_migration')
), relation AS (
  SELECT c.*, format('%%I.%%I', o.nspname, c.relname) AS name,
    CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'relation' END AS kind
  FROM pg_class AS c
  JOIN ours AS o ON o.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
), routine AS (
  SELECT p.*, format('%%I.%%I(%%s)', o.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS name
  FROM pg_proc AS p
  JOIN ours AS o ON o.oid = p.pronamespace
), access_list (kind, object, acl) AS (
  SELECT 'database', d.datname::text, coalesce(d.datacl, acldefault('d', d.datdba))
  FROM pg_database AS d WHERE d.datname = current_database()
  UNION ALL SELECT 'schema', o.nspname::text, coalesce(o.nspacl, acldefault('n', o.nspowner)) FROM ours AS o
  UNION ALL SELECT r.kind, r.name,
    coalesce(r.relacl, acldefault(CASE r.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", r.relowner)) FROM relation AS r
  UNION ALL SELECT 'column', r.name || '.' || quote_ident(a.attname), a.attacl
  FROM pg_attribute AS a JOIN relation AS r ON r.oid = a.attrelid WHERE a.attacl IS NOT NULL
  UNION ALL SELECT 'function', p.name, coalesce(p.proacl, acldefault('f', p.proowner)) FROM routine AS p
  UNION ALL SELECT 'default',
    pg_get_userbyid(d.defaclrole) || ' ' || coalesce(o.nspname, '*') || ' ' || d.defaclobjtype::text, d.defaclacl
  FROM pg_default_acl AS d LEFT JOIN ours AS o ON o.oid = d.defaclnamespace
  WHERE d.defaclnamespace = 0 OR o.oid IS NOT NULL
), role AS (
  SELECT r.* FROM pg_roles AS r WHERE r.rolname LIKE 'cutter\\_%%'
)
SELECT l.kind, l.object, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END AS grantee,
  a.privilege_type AS privilege,
  concat('by ', pg_get_userbyid(a.grantor), CASE WHEN a.is_grantable THEN ' with grant option' END) AS detail
FROM access_list AS l, aclexplode(l.acl) AS a
UNION ALL
SELECT 'member', pg_get_userbyid(m.roleid)::text, pg_get_userbyid(m.member)::text, 'MEMBER',
  concat_ws(' ', 'admin', m.admin_option, 'inherit', to_jsonb(m) ->> 'inherit_option', 'set', to_jsonb(m) ->> 'set_option')
FROM pg_auth_members AS m
WHERE m.roleid IN (SELECT r.oid FROM role AS r) OR m.member IN (SELECT r.oid FROM role AS r)
UNION ALL
SELECT 'role', r.rolname::text, '', t.name, t.value
FROM role AS r, LATERAL (VALUES
  ('superuser', r.rolsuper::text), ('inherit', r.rolinherit::text), ('createrole', r.rolcreaterole::text),
  ('createdb', r.rolcreatedb::text), ('login', r.rolcanlogin::text), ('replication', r.rolreplication::text),
  ('bypassrls', r.rolbypassrls::text), ('connection_limit', r.rolconnlimit::text),
  ('valid_until', coalesce(r.rolvaliduntil::text, '')), ('settings', coalesce(array_to_string(r.rolconfig, ' '), '')))
  AS t (name, value)
UNION ALL
SELECT 'owner', 'schema ' || o.nspname, '', pg_get_userbyid(o.nspowner)::text, '' FROM ours AS o
UNION ALL
SELECT 'owner', r.name, '', pg_get_userbyid(r.relowner)::text,
  concat_ws(' ', 'row security', r.relrowsecurity, 'forced', r.relforcerowsecurity)
FROM relation AS r
UNION ALL
SELECT 'owner', p.name, '', pg_get_userbyid(p.proowner)::text, '' FROM routine AS p
UNION ALL
-- Internal triggers carry the foreign keys; a disabled one shows here, an enabled one would only be noise.
SELECT 'trigger', r.name || '.' || CASE WHEN t.tgisinternal THEN 'foreign key ' || c.conname ELSE t.tgname::text END, '',
  t.tgenabled::text,
  CASE WHEN t.tgisinternal THEN '' ELSE encode(sha256(convert_to(pg_get_triggerdef(t.oid), 'UTF8')), 'hex') END
FROM pg_trigger AS t
JOIN relation AS r ON r.oid = t.tgrelid
LEFT JOIN pg_constraint AS c ON c.oid = t.tgconstraint
WHERE NOT t.tgisinternal OR t.tgenabled <> 'O'
UNION ALL
SELECT 'event_trigger', e.evtname::text, pg_get_userbyid(e.evtowner)::text, e.evtenabled::text,
  e.evtevent || ' ' || e.evtfoid::regproc
FROM pg_event_trigger AS e
UNION ALL
SELECT 'server', 'version', '', current_setting('server_version_num'), ''
ORDER BY 1, 2, 3, 4, 5
"""
"""Who may do what: access lists, memberships, owners, role attributes, triggers, server version."""

CENSUS: Final = """
SELECT
  (SELECT count(*) FROM iu.information_unit AS u WHERE u.document_id = %(document_id)s::text) AS total,
  -- Each version has one row 1 (draft) and at most one row 2 (enacted or withdrawn).
  (count(*) FILTER (WHERE l.seq = 1) - count(*) FILTER (WHERE l.seq = 2)) AS draft,
  (SELECT count(*) FROM iu.unit_in_force AS f
   WHERE f.document_id = %(document_id)s::text AND f.ended_at IS NULL) AS enacted,
  count(*) FILTER (WHERE l.to_state = 'enacted') AS versions_enacted,
  count(*) AS lifecycle_rows
FROM iu.lifecycle_log AS l
WHERE l.document_id = %(document_id)s::text
"""
"""How many units of the document there are, and in which state: one row."""

IN_FORCE: Final = """
SELECT v.unit_id::text AS unit_id, v.version_id::text AS version_id, v.version_no, v.address, v.kind,
  v.parent_address AS parent, encode(v.body_sha256, 'hex') AS body_sha256, v.alias, v.heading, v.num
FROM iu.unit_in_force AS f
JOIN iu.unit_version AS v ON v.document_id = f.document_id AND v.version_id = f.version_id
WHERE f.document_id = %(document_id)s::text AND f.ended_at IS NULL
ORDER BY v.address
"""
"""The units in force, by address."""

DATABASE_IDENTITY: Final = """
SELECT c.system_identifier::text AS system_identifier, d.oid::text AS database_oid, d.datname::text AS name,
  current_setting('server_version_num') AS server_version
FROM pg_control_system() AS c, pg_database AS d
WHERE d.datname = current_database()
"""
"""Which database this is: one row."""

ENACTING_RUN: Final = """
SELECT c.run_id::text AS run_id
FROM cutter_governance.cut_change_set AS c
WHERE c.source_version_id = %(source_version_id)s::text::uuid AND c.state = 'enacted'
  AND NOT EXISTS (SELECT FROM cutter_governance.cut_change_set AS later
                  WHERE later.document_id = c.document_id AND later.state = 'enacted' AND later.closed_at > c.closed_at)
"""
"""The run that enacted this very source version, if it is the one in force: none or one row."""

GOVERNED_TABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cutter_governance.approval": "request_sha256",
        "cutter_governance.approval_use": "request_sha256",
        "cutter_governance.cut_change_set": "document_id, change_set_id",
        "cutter_governance.cut_change_set_affected_row": "document_id, change_set_id, unit_id",
        "cutter_governance.execution_switch": "seq",
        "cutter_governance.manifest_envelope": "document_id, envelope_id",
        "cutter_governance.manifest_unit_block": "document_id, envelope_id, position",
        "cutter_governance.refusal": "request_sha256, key_id",
        "cutter_governance.review_decision": "decision_id",
        "cutter_governance.run": "run_id",
        "cutter_governance.run_document": "run_id, name",
        "cutter_governance.run_event": "run_id, seq",
        "cutter_governance.signature": "subject_sha256, key_id",
        "cutter_governance.transparency_log": "seq",
        "cutter_governance.trust_policy": "version",
        "cutter_governance.verify_result": "document_id, verify_result_id",
        "iu.canonical_address_alias": "document_id, alias_address, change_set_id",
        "iu.information_unit": "document_id, unit_id",
        "iu.lifecycle_log": "document_id, version_id, seq",
        "iu.source_document": "document_id",
        "iu.source_version": "document_id, source_version_id",
        "iu.text_blob": "sha256",
        "iu.text_profile": "sha256",
        "iu.unit_in_force": "document_id, version_id",
        "iu.unit_version": "document_id, version_id",
        "iu.vocabulary": "kind",
    }
)
"""Every table that a backup and a proof of non-mutation cover, with the key that orders its rows."""

UNGOVERNED_TABLES: Final = ("cutter_governance.lane", "cutter_governance.offered_signature")
"""Tables that only say who is at work and what is on its way; they stay out of backups and digests."""

_DOCUMENT_TABLES: Final = (
    "cutter_governance.cut_change_set",
    "cutter_governance.cut_change_set_affected_row",
    "cutter_governance.manifest_envelope",
    "cutter_governance.manifest_unit_block",
    "cutter_governance.verify_result",
    "iu.canonical_address_alias",
    "iu.information_unit",
    "iu.lifecycle_log",
    "iu.source_document",
    "iu.source_version",
    "iu.unit_in_force",
    "iu.unit_version",
)


def _table_sha256(table: str, condition: str = "") -> str:
    """Return SQL for one row: the table's name, its count of rows, and the digest over them in order."""
    return (
        f"SELECT '{table}' AS name, count(*) AS rows, sha256(coalesce(string_agg("
        "sha256(convert_to(r::text, 'UTF8')), ''::bytea "
        f"ORDER BY {', '.join(f'r.{key}' for key in GOVERNED_TABLES[table].split(', '))}), '')) AS sha256 "
        f"FROM {table} AS r{condition}"
    )


_CONTENT: Final = "\n  UNION ALL ".join(_table_sha256(table) for table in GOVERNED_TABLES)
_OVER_TABLES: Final = (
    "encode(sha256(string_agg(convert_to(t.name || ' ' || t.rows || ' ' || encode(t.sha256, 'hex') || E'\\n', 'UTF8'),"
    " ''::bytea ORDER BY t.name COLLATE \"C\")), 'hex')"
)

CONTENT: Final = f"""
SELECT t.name, t.rows, encode(t.sha256, 'hex') AS sha256
FROM (
  {_CONTENT}
) AS t
ORDER BY t.name COLLATE "C"
"""
"""Each governed table with its count of rows and the digest over them in order."""

CONTENT_SHA256: Final = f"""
SELECT {_OVER_TABLES} AS sha256, sum(t.rows)::bigint AS rows
FROM (
  {_CONTENT}
) AS t
"""
"""One digest over every row of every governed table, and how many rows there are: one row."""

GROUND_SHA256: Final = """
SELECT encode(sha256(convert_to(concat_ws('\n', t.rows, p.functions), 'UTF8')), 'hex') AS sha256
FROM (
  SELECT string_agg(g.name || '=' || encode(g.sha256, 'hex'), '\n' ORDER BY g.name COLLATE "C") AS rows
  FROM (
    {tables}
  ) AS g
) AS t, (
  -- A row of the catalogue gets another xmin whenever its function, owner or access list changes.
  SELECT string_agg(concat_ws(' ', f.oid, f.xmin), '\n' ORDER BY f.oid) AS functions
  FROM pg_proc AS f JOIN pg_namespace AS n ON n.oid = f.pronamespace
  WHERE n.nspname IN ('iu', 'cutter_governance', 'cutter_migration')
) AS p
""".format(
    tables="\n    UNION ALL ".join(
        _table_sha256(table)
        for table in (
            "cutter_governance.execution_switch",
            "cutter_governance.trust_policy",
            "iu.vocabulary",
        )
    )
)
"""What every write rests on beside its document's rows: policy, switch, vocabulary, functions; one row."""

MUTATION_READING: Final = f"""
SELECT pg_current_xact_id_if_assigned()::text AS own_xid,
  pg_snapshot_xmax(pg_current_snapshot())::text AS snapshot_xmax,
  {_OVER_TABLES} AS content_sha256,
  (SELECT NOT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user)
    AND NOT EXISTS (
      SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
      WHERE n.nspname IN ('iu', 'cutter_governance', 'cutter_migration') AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
        AND (has_table_privilege(c.oid, 'INSERT,UPDATE,DELETE,TRUNCATE,TRIGGER')
          OR has_any_column_privilege(c.oid, 'INSERT,UPDATE')))
    AND NOT EXISTS (
      SELECT FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
      WHERE has_function_privilege(p.oid, 'EXECUTE')
        AND (n.nspname IN ('iu', 'cutter_governance', 'cutter_migration') AND p.prosecdef
          -- From server 16 on, these are refused in a read-only transaction.
          OR n.nspname = 'pg_catalog' AND p.proname LIKE 'lo\\_%%' AND p.provolatile = 'v'
            AND p.proname IN ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_put', 'lo_truncate', 'lo_truncate64', 'lo_unlink')
            AND current_setting('server_version_num')::integer < 160000))
    AS role_read_only
FROM (
  {_CONTENT}
) AS t
"""
"""What a read-only witness sees now; it never takes a transaction id itself: one row."""

DOCUMENT_ROWS_SHA256: Final = (
    f"SELECT {_OVER_TABLES} AS sha256, sum(t.rows)::bigint AS rows\nFROM (\n  "
    + "\n  UNION ALL ".join(
        _table_sha256(table, " WHERE r.document_id = %(document_id)s::text")
        for table in _DOCUMENT_TABLES
    )
    + "\n  UNION ALL "
    + _table_sha256(
        "iu.text_blob",
        " WHERE r.sha256 IN (SELECT v.body_sha256 FROM iu.unit_version AS v"
        " WHERE v.document_id = %(document_id)s::text)",
    )
    + "\n) AS t\n"
)
"""One digest over every row that belongs to the document, and how many rows there are: one row."""

DOCUMENT_TALLY: Final = (
    "SELECT coalesce(string_agg(t.name || '=' || t.rows, ',' ORDER BY t.name COLLATE \"C\"), '') AS tally\nFROM (\n  "
    + "\n  UNION ALL ".join(
        f"SELECT '{table}' AS name, count(*) AS rows FROM {table} AS r"
        " WHERE r.document_id = %(document_id)s::text"
        for table in _DOCUMENT_TABLES
    )
    + "\n  UNION ALL SELECT 'iu.text_blob', count(DISTINCT v.body_sha256) FROM iu.unit_version AS v"
    " WHERE v.document_id = %(document_id)s::text\n) AS t\nWHERE t.rows > 0\n"
)
"""`table=rows,…` over every row that belongs to the document, by table name: one row."""

LOGIN_REACH: Final = """
SELECT w.what
FROM (
  SELECT n.nspname || '.' || p.proname AS what
  FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
  WHERE n.nspname IN ('iu', 'cutter_governance', 'cutter_migration') AND p.prosecdef
    AND has_function_privilege(p.oid, 'EXECUTE')
  UNION
  SELECT 'table ' || n.nspname || '.' || c.relname
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE n.nspname IN ('iu', 'cutter_governance', 'cutter_migration') AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND (has_table_privilege(c.oid, 'INSERT,UPDATE,DELETE,TRUNCATE,TRIGGER')
      OR has_any_column_privilege(c.oid, 'INSERT,UPDATE'))
  UNION
  SELECT 'role ' || r.rolname
  FROM pg_roles AS r JOIN pg_roles AS me ON me.rolname = session_user
  WHERE r.oid <> me.oid AND (me.rolsuper OR pg_has_role(r.oid, 'MEMBER'))
) AS w
ORDER BY w.what COLLATE "C"
"""
"""All that the login of this connection may do besides reading: functions, tables, other roles."""

_COMPARED: Final = {
    "cutter_governance.cut_change_set_affected_row": ("r.*", "change_set_id, unit_id"),
    "cutter_governance.manifest_unit_block": ("r.*", "envelope_id, position"),
    "iu.information_unit": ("r.*", "unit_id"),
    "iu.lifecycle_log": (
        "r.version_id, r.seq, r.from_state, r.to_state, r.change_set_id, r.decision_id IS NULL",
        "version_id, seq",
    ),
    "iu.unit_in_force": (
        "r.version_id, r.unit_id, r.address, r.ended_at IS NULL",
        "version_id",
    ),
    "iu.unit_version": ("r.*", "version_id"),
}
"""What a write and its rehearsal have alike: all but times, days and the ids of decisions."""

DOCUMENT_DIGESTS: Final = (
    "SELECT string_agg(t.name || '=' || encode(t.sha256, 'hex'), ',' ORDER BY t.name COLLATE \"C\") AS digests\n"
    "FROM (\n  "
    + "\n  UNION ALL ".join(
        f"SELECT '{table}' AS name, sha256(coalesce(string_agg(sha256(convert_to(ROW({columns})::text, 'UTF8')),"
        f" ''::bytea ORDER BY {', '.join(f'r.{key}' for key in order.split(', '))}), '')) AS sha256"
        f" FROM {table} AS r WHERE r.document_id = %(document_id)s::text"
        for table, (columns, order) in _COMPARED.items()
    )
    + "\n) AS t\n"
)
"""`table=sha256,…` over the document's rows, as far as a rehearsal and its write are alike: one row."""
