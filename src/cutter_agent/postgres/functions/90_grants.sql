-- Grants: exactly those of orchestrator/grants.py, and sight of every row. No role may change a table.

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA iu, cutter_governance, cutter_migration
  FROM PUBLIC, cutter_reader, cutter_exec, cutter_verify, cutter_review, cutter_admin;
REVOKE ALL ON ALL TABLES IN SCHEMA iu, cutter_governance, cutter_migration
  FROM PUBLIC, cutter_reader, cutter_exec, cutter_verify, cutter_review, cutter_admin;
REVOKE ALL ON SCHEMA iu, cutter_governance, cutter_migration FROM PUBLIC;

GRANT USAGE ON SCHEMA iu, cutter_governance, cutter_migration
  TO cutter_reader, cutter_exec, cutter_verify, cutter_review, cutter_admin;
GRANT SELECT ON ALL TABLES IN SCHEMA iu, cutter_governance, cutter_migration
  TO cutter_reader, cutter_exec, cutter_verify, cutter_review, cutter_admin;

GRANT EXECUTE ON FUNCTION iu.fn_source_add, cutter_governance.fn_switch_arm, cutter_governance.fn_policy_accept
  TO cutter_admin;
GRANT EXECUTE ON FUNCTION iu.fn_iu_create, iu.fn_iu_create_set, iu.fn_iu_apply_edit_draft, iu.fn_iu_enact,
  cutter_governance.fn_run_open, cutter_governance.fn_run_hold, cutter_governance.fn_run_claim,
  cutter_governance.fn_run_wake, cutter_governance.fn_run_append, cutter_governance.fn_run_end,
  cutter_governance.fn_approval_consume,
  cutter_governance.fn_refusal_record,
  cutter_governance.fn_change_set_mint, cutter_governance.fn_manifest_record
  TO cutter_exec;
GRANT EXECUTE ON FUNCTION cutter_governance.fn_run_append, cutter_governance.fn_verify_record TO cutter_verify;
GRANT EXECUTE ON FUNCTION cutter_governance.fn_signature_offer TO cutter_review;
