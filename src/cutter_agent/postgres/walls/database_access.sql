-- The database is closed to everybody but our logins.

DO $$
BEGIN
  EXECUTE pg_catalog.format('REVOKE ALL ON DATABASE %I FROM PUBLIC', pg_catalog.current_database());
  EXECUTE pg_catalog.format('GRANT CONNECT ON DATABASE %I TO cutter_reader, cutter_exec, cutter_verify, cutter_review, cutter_admin',
    pg_catalog.current_database());
END;
$$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
