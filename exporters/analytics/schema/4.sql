-- Version 4: what vendors say of themselves, and answers that no longer fit their contract.

CREATE TABLE vendor_notices (
    ts TIMESTAMP, seq BIGINT, vendor VARCHAR, kind VARCHAR, integrations VARCHAR[], indicator VARCHAR, before VARCHAR,
    components VARCHAR[], title VARCHAR, url VARCHAR, started_at TIMESTAMP, announced_at TIMESTAMP, lag DOUBLE,
    action VARCHAR, sunset_at TIMESTAMP, source VARCHAR
);

CREATE TABLE contract_drifts (
    ts TIMESTAMP, seq BIGINT, integration VARCHAR, vendor VARCHAR, action VARCHAR, pointer VARCHAR,
    expected VARCHAR, found VARCHAR, seen BIGINT
);
