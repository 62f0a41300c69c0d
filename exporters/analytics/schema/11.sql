-- Version 11: what free SQL cost and was. NULL in rows written before.

ALTER TABLE query_runs ADD COLUMN cpu DOUBLE;
ALTER TABLE query_runs ADD COLUMN statement VARCHAR;
