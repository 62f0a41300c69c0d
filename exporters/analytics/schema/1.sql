-- Version 1. Rules: append only, no key, no index, no upsert; times are UTC; a step once released never changes.

CREATE TABLE meta (schema_version INTEGER NOT NULL, applied_at TIMESTAMP NOT NULL);

-- Which segments are loaded. A row comes in the transaction that brings the segment's rows, so each is loaded once.
CREATE TABLE ledger (segment VARCHAR NOT NULL, row_count BIGINT NOT NULL, loaded_at TIMESTAMP NOT NULL);

-- How far the log of stored signals is copied.
CREATE TABLE cursors (source VARCHAR NOT NULL, position BIGINT NOT NULL);
INSERT INTO cursors VALUES ('storage', 0);

CREATE TABLE calls (
    ts TIMESTAMP, seq BIGINT, call_id VARCHAR, run_id VARCHAR, integration VARCHAR, vendor VARCHAR, action VARCHAR,
    capability VARCHAR, effect VARCHAR, origin VARCHAR, caller VARCHAR, step VARCHAR, kind VARCHAR, reason VARCHAR,
    status INTEGER, code VARCHAR, detail VARCHAR, source VARCHAR, duration DOUBLE, queued DOUBLE, retry_after DOUBLE,
    attempts STRUCT("start" DOUBLE, duration DOUBLE, kind VARCHAR, status INTEGER)[],
    breaker_state VARCHAR, request_bytes BIGINT, response_bytes BIGINT,
    trace_id VARCHAR, span_id VARCHAR, parent_span_id VARCHAR, sampled BOOLEAN
);

CREATE TABLE check_results (
    ts TIMESTAMP, seq BIGINT, integration VARCHAR, vendor VARCHAR, capability VARCHAR, action VARCHAR, run_id VARCHAR,
    ran BOOLEAN, kind VARCHAR, status INTEGER, code VARCHAR, detail VARCHAR, duration DOUBLE, lag DOUBLE,
    skipped BIGINT, evidence_health VARCHAR
);

CREATE TABLE breaker_transitions (
    ts TIMESTAMP, seq BIGINT, integration VARCHAR, vendor VARCHAR, capability VARCHAR, before VARCHAR, after VARCHAR,
    reason VARCHAR, actor VARCHAR, calls BIGINT, failures BIGINT, slow BIGINT, open_seconds DOUBLE
);

CREATE TABLE quota_samples (
    ts TIMESTAMP, seq BIGINT, integration VARCHAR, vendor VARCHAR, bucket VARCHAR, quota_limit DOUBLE,
    remaining DOUBLE, reset_at TIMESTAMP, throttled_until TIMESTAMP
);

CREATE TABLE health_changes (
    ts TIMESTAMP, seq BIGINT, integration VARCHAR, vendor VARCHAR, capability VARCHAR, before VARCHAR, after VARCHAR,
    evidence VARCHAR, reason VARCHAR, since TIMESTAMP, kind VARCHAR
);

CREATE TABLE credential_notices (
    ts TIMESTAMP, seq BIGINT, integration VARCHAR, vendor VARCHAR, event VARCHAR, detail VARCHAR
);

CREATE TABLE webhook_receipts (
    ts TIMESTAMP, seq BIGINT, integration VARCHAR, vendor VARCHAR, event_type VARCHAR, verdict VARCHAR,
    webhook_id VARCHAR, detail VARCHAR, body_bytes BIGINT
);

CREATE TABLE operator_actions (
    ts TIMESTAMP, seq BIGINT, actor VARCHAR, action VARCHAR, integration VARCHAR, capability VARCHAR, reason VARCHAR,
    expires_at TIMESTAMP
);

CREATE TABLE config_changes (
    ts TIMESTAMP, seq BIGINT, source VARCHAR, sha256 VARCHAR, integrations BIGINT, version VARCHAR
);

CREATE TABLE api_requests (
    ts TIMESTAMP, seq BIGINT, method VARCHAR, route VARCHAR, status INTEGER, duration DOUBLE, caller VARCHAR
);

CREATE TABLE query_runs (
    ts TIMESTAMP, seq BIGINT, query VARCHAR, caller VARCHAR, duration DOUBLE, row_count BIGINT, error VARCHAR
);
