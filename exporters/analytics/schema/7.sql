-- Version 7: what became of incidents, and every attempt to deliver a message.

CREATE TABLE incident_changes (
    ts TIMESTAMP, seq BIGINT, incident VARCHAR, integration VARCHAR, vendor VARCHAR, capability VARCHAR,
    event VARCHAR, state VARCHAR, opened_at TIMESTAMP, reason VARCHAR, actor VARCHAR, parent VARCHAR,
    resolved_at TIMESTAMP
);

CREATE TABLE delivery_attempts (
    ts TIMESTAMP, seq BIGINT, message VARCHAR, receiver VARCHAR, format VARCHAR, type VARCHAR, attempt BIGINT,
    result VARCHAR, status INTEGER, kind VARCHAR, detail VARCHAR, duration DOUBLE, lag DOUBLE
);
