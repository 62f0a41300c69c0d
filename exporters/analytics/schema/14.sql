-- Version 14: alerts of objectives, and what jobs reported to heartbeats.

CREATE TABLE hot_objective_changes (
    ts TIMESTAMP, seq BIGINT, objective VARCHAR, before VARCHAR, after VARCHAR, windows VARCHAR, burn DOUBLE,
    budget_left DOUBLE
);

CREATE TABLE hot_heartbeat_reports (
    ts TIMESTAMP, seq BIGINT, heartbeat VARCHAR, beat VARCHAR, run VARCHAR, exit_status BIGINT
);

CREATE VIEW objective_changes AS SELECT * FROM hot_objective_changes;
CREATE VIEW heartbeat_reports AS SELECT * FROM hot_heartbeat_reports;
