-- Version 12: rows of today and yesterday are in hot_<table>, older days in files; the view <table> is over both.

ALTER TABLE calls RENAME TO hot_calls;
ALTER TABLE check_results RENAME TO hot_check_results;
ALTER TABLE breaker_transitions RENAME TO hot_breaker_transitions;
ALTER TABLE quota_samples RENAME TO hot_quota_samples;
ALTER TABLE health_changes RENAME TO hot_health_changes;
ALTER TABLE credential_notices RENAME TO hot_credential_notices;
ALTER TABLE vendor_notices RENAME TO hot_vendor_notices;
ALTER TABLE contract_drifts RENAME TO hot_contract_drifts;
ALTER TABLE webhook_receipts RENAME TO hot_webhook_receipts;
ALTER TABLE incident_changes RENAME TO hot_incident_changes;
ALTER TABLE delivery_attempts RENAME TO hot_delivery_attempts;
ALTER TABLE operator_actions RENAME TO hot_operator_actions;
ALTER TABLE config_changes RENAME TO hot_config_changes;
ALTER TABLE api_requests RENAME TO hot_api_requests;
ALTER TABLE query_runs RENAME TO hot_query_runs;

CREATE VIEW calls AS SELECT * FROM hot_calls;
CREATE VIEW check_results AS SELECT * FROM hot_check_results;
CREATE VIEW breaker_transitions AS SELECT * FROM hot_breaker_transitions;
CREATE VIEW quota_samples AS SELECT * FROM hot_quota_samples;
CREATE VIEW health_changes AS SELECT * FROM hot_health_changes;
CREATE VIEW credential_notices AS SELECT * FROM hot_credential_notices;
CREATE VIEW vendor_notices AS SELECT * FROM hot_vendor_notices;
CREATE VIEW contract_drifts AS SELECT * FROM hot_contract_drifts;
CREATE VIEW webhook_receipts AS SELECT * FROM hot_webhook_receipts;
CREATE VIEW incident_changes AS SELECT * FROM hot_incident_changes;
CREATE VIEW delivery_attempts AS SELECT * FROM hot_delivery_attempts;
CREATE VIEW operator_actions AS SELECT * FROM hot_operator_actions;
CREATE VIEW config_changes AS SELECT * FROM hot_config_changes;
CREATE VIEW api_requests AS SELECT * FROM hot_api_requests;
CREATE VIEW query_runs AS SELECT * FROM hot_query_runs;

-- Each file of the archive that counts. A row comes in the transaction that takes the file's rows out of hot_<table>;
-- stored_position is how far the log of stored signals was copied then.
CREATE TABLE sealed_files (
    table_name VARCHAR NOT NULL, day DATE NOT NULL, file VARCHAR NOT NULL, row_count BIGINT NOT NULL,
    byte_count BIGINT NOT NULL, schema_version INTEGER NOT NULL, stored_position BIGINT NOT NULL,
    sealed_at TIMESTAMP NOT NULL
);
