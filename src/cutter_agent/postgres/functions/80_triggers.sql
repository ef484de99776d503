-- Triggers: rows stay as they were written. ENABLE ALWAYS, so that a replica's session meets them too.

CREATE OR REPLACE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON iu.vocabulary
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE iu.vocabulary ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON iu.vocabulary
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE iu.vocabulary ENABLE ALWAYS TRIGGER table_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON iu.text_profile
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE iu.text_profile ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON iu.text_profile
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE iu.text_profile ENABLE ALWAYS TRIGGER table_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON iu.source_document
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE iu.source_document ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON iu.source_document
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE iu.source_document ENABLE ALWAYS TRIGGER table_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON iu.source_version
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE iu.source_version ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON iu.source_version
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE iu.source_version ENABLE ALWAYS TRIGGER table_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON iu.text_blob
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE iu.text_blob ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON iu.text_blob
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE iu.text_blob ENABLE ALWAYS TRIGGER table_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON iu.information_unit
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE iu.information_unit ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON iu.information_unit
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE iu.information_unit ENABLE ALWAYS TRIGGER table_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON iu.unit_version
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE iu.unit_version ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON iu.unit_version
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE iu.unit_version ENABLE ALWAYS TRIGGER table_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON iu.lifecycle_log
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE iu.lifecycle_log ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON iu.lifecycle_log
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE iu.lifecycle_log ENABLE ALWAYS TRIGGER table_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON iu.canonical_address_alias
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE iu.canonical_address_alias ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON iu.canonical_address_alias
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE iu.canonical_address_alias ENABLE ALWAYS TRIGGER table_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON cutter_governance.run_event
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.run_event ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON cutter_governance.run_event
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.run_event ENABLE ALWAYS TRIGGER table_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON cutter_governance.run_document
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.run_document ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON cutter_governance.run_document
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.run_document ENABLE ALWAYS TRIGGER table_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON cutter_governance.approval
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.approval ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON cutter_governance.approval
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.approval ENABLE ALWAYS TRIGGER table_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON cutter_governance.approval_use
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.approval_use ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON cutter_governance.approval_use
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.approval_use ENABLE ALWAYS TRIGGER table_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON cutter_governance.signature
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.signature ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON cutter_governance.signature
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.signature ENABLE ALWAYS TRIGGER table_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON cutter_governance.review_decision
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.review_decision ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON cutter_governance.review_decision
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.review_decision ENABLE ALWAYS TRIGGER table_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON cutter_governance.cut_change_set_affected_row
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.cut_change_set_affected_row ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON cutter_governance.cut_change_set_affected_row
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.cut_change_set_affected_row ENABLE ALWAYS TRIGGER table_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON cutter_governance.manifest_envelope
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.manifest_envelope ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON cutter_governance.manifest_envelope
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.manifest_envelope ENABLE ALWAYS TRIGGER table_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON cutter_governance.manifest_unit_block
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.manifest_unit_block ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON cutter_governance.manifest_unit_block
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.manifest_unit_block ENABLE ALWAYS TRIGGER table_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON cutter_governance.verify_result
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.verify_result ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON cutter_governance.verify_result
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.verify_result ENABLE ALWAYS TRIGGER table_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON cutter_governance.transparency_log
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.transparency_log ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON cutter_governance.transparency_log
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.transparency_log ENABLE ALWAYS TRIGGER table_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON cutter_governance.trust_policy
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.trust_policy ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON cutter_governance.trust_policy
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.trust_policy ENABLE ALWAYS TRIGGER table_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON cutter_governance.execution_switch
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.execution_switch ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON cutter_governance.execution_switch
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.execution_switch ENABLE ALWAYS TRIGGER table_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE DELETE ON cutter_governance.run
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.run ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON cutter_governance.run
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.run ENABLE ALWAYS TRIGGER table_stays;
CREATE OR REPLACE TRIGGER columns_stay BEFORE UPDATE ON cutter_governance.run
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_other_columns('fence', 'holds_document', 'outcome', 'ended_at');
ALTER TABLE cutter_governance.run ENABLE ALWAYS TRIGGER columns_stay;
CREATE OR REPLACE TRIGGER what_is_over_stays BEFORE UPDATE ON cutter_governance.run
  FOR EACH ROW WHEN (OLD.outcome IS NOT NULL OR NEW.fence < OLD.fence) EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.run ENABLE ALWAYS TRIGGER what_is_over_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE DELETE ON cutter_governance.cut_change_set
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.cut_change_set ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON cutter_governance.cut_change_set
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.cut_change_set ENABLE ALWAYS TRIGGER table_stays;
CREATE OR REPLACE TRIGGER columns_stay BEFORE UPDATE ON cutter_governance.cut_change_set
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_other_columns('state', 'closed_at');
ALTER TABLE cutter_governance.cut_change_set ENABLE ALWAYS TRIGGER columns_stay;
CREATE OR REPLACE TRIGGER what_is_over_stays BEFORE UPDATE ON cutter_governance.cut_change_set
  FOR EACH ROW WHEN (OLD.state <> 'open') EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.cut_change_set ENABLE ALWAYS TRIGGER what_is_over_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE DELETE ON iu.unit_in_force
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE iu.unit_in_force ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON iu.unit_in_force
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE iu.unit_in_force ENABLE ALWAYS TRIGGER table_stays;
CREATE OR REPLACE TRIGGER columns_stay BEFORE UPDATE ON iu.unit_in_force
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_other_columns('ended_at', 'effective_until');
ALTER TABLE iu.unit_in_force ENABLE ALWAYS TRIGGER columns_stay;
CREATE OR REPLACE TRIGGER what_is_over_stays BEFORE UPDATE ON iu.unit_in_force
  FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE iu.unit_in_force ENABLE ALWAYS TRIGGER what_is_over_stays;

CREATE OR REPLACE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON cutter_governance.refusal
  FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.refusal ENABLE ALWAYS TRIGGER rows_stay;
CREATE OR REPLACE TRIGGER table_stays BEFORE TRUNCATE ON cutter_governance.refusal
  FOR EACH STATEMENT EXECUTE FUNCTION cutter_governance.refuse_mutation();
ALTER TABLE cutter_governance.refusal ENABLE ALWAYS TRIGGER table_stays;

-- At the commit and not before: between the look of fn_approval_consume and the commit lies the whole write.
DROP TRIGGER IF EXISTS log_at_commit ON cutter_governance.approval_use;
CREATE CONSTRAINT TRIGGER log_at_commit AFTER INSERT ON cutter_governance.approval_use
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cutter_governance.check_log_at_commit();
ALTER TABLE cutter_governance.approval_use ENABLE ALWAYS TRIGGER log_at_commit;
