-- Version 13: rollups, how many rows each was made of, and what the configuration said when.

CREATE TABLE rollup_calls (
    hour TIMESTAMP, integration VARCHAR, vendor VARCHAR, origin VARCHAR, source VARCHAR, kind VARCHAR, injected BOOLEAN,
    good BOOLEAN, bucket INTEGER, calls BIGINT, seconds DOUBLE
);

CREATE TABLE rollup_checks (
    hour TIMESTAMP, integration VARCHAR, vendor VARCHAR, capability VARCHAR, ran BOOLEAN, kind VARCHAR, injected BOOLEAN,
    good BOOLEAN, bucket INTEGER, checks BIGINT, seconds DOUBLE
);

CREATE TABLE rollup_usage (
    day TIMESTAMP, origin VARCHAR, caller VARCHAR, team VARCHAR, vendor VARCHAR, integration VARCHAR, action VARCHAR,
    currency VARCHAR, records BIGINT, runs BIGINT, failures BIGINT, rejected BIGINT, requests BIGINT, attempts BIGINT,
    request_bytes BIGINT, response_bytes BIGINT, cost DOUBLE, last_used TIMESTAMP
);

-- A row comes in the transaction that brings the rollup's rows of that hour or day.
CREATE TABLE rolled (rollup VARCHAR NOT NULL, start TIMESTAMP NOT NULL, row_count BIGINT NOT NULL);

-- A row holds from valid_from until valid_to, and without it still; what is over is never changed.
CREATE TABLE declared_integrations (
    integration VARCHAR, vendor VARCHAR, team VARCHAR, environment VARCHAR, tier VARCHAR, region VARCHAR,
    currency VARCHAR, charged VARCHAR, per_call DOUBLE, prices MAP(VARCHAR, DOUBLE),
    valid_from TIMESTAMP, valid_to TIMESTAMP
);

CREATE TABLE declared_vendors (
    vendor VARCHAR, vendor_name VARCHAR, capabilities STRUCT(capability VARCHAR, actions VARCHAR[])[],
    valid_from TIMESTAMP, valid_to TIMESTAMP
);

CREATE TABLE declared_callers (token VARCHAR, team VARCHAR, valid_from TIMESTAMP, valid_to TIMESTAMP);

-- Which views the file holds: the hash of their text.
CREATE TABLE published (sha256 VARCHAR NOT NULL);
