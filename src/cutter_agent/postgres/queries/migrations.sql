-- The schema files that ran here.
SELECT m.name, m.sha256 FROM cutter_migration.migration AS m ORDER BY m.name
