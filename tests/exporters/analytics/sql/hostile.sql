-- Statements that must be refused before anything of them is run. One a block, named by its first line; blocks are
-- parted by lines of "--".
--
-- copy out
COPY calls TO '/tmp/stolen.csv'
--
-- copy a query out
COPY (SELECT * FROM calls) TO '/tmp/stolen.parquet' (FORMAT parquet)
--
-- copy in
COPY calls FROM '/etc/passwd'
--
-- copy the database
COPY FROM DATABASE hot TO other
--
-- export
EXPORT DATABASE '/tmp/stolen'
--
-- import
IMPORT DATABASE '/tmp/stolen'
--
-- attach a file
ATTACH '/tmp/other.duckdb' AS other
--
-- attach memory
ATTACH ':memory:' AS other
--
-- attach over the network
ATTACH 'https://example.com/x.duckdb' AS other
--
-- detach
DETACH hot
--
-- use
USE system.main
--
-- install
INSTALL httpfs
--
-- load
LOAD httpfs
--
-- load a file
LOAD '/tmp/evil.duckdb_extension'
--
-- update extensions
UPDATE EXTENSIONS
--
-- create secret
CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')
--
-- set
SET memory_limit = '100GB'
--
-- set global
SET GLOBAL enable_external_access = true
--
-- reset
RESET lock_configuration
--
-- set variable
SET VARIABLE x = 1
--
-- pragma
PRAGMA database_list
--
-- pragma with a value
PRAGMA memory_limit = '100GB'
--
-- call
CALL pragma_version()
--
-- call checkpoint
CALL checkpoint()
--
-- checkpoint
CHECKPOINT
--
-- force checkpoint
FORCE CHECKPOINT hot
--
-- vacuum
VACUUM
--
-- analyze
ANALYZE
--
-- insert
INSERT INTO calls SELECT * FROM calls
--
-- update
UPDATE calls SET caller = 'nobody'
--
-- delete
DELETE FROM calls
--
-- truncate
TRUNCATE calls
--
-- merge
MERGE INTO calls USING calls AS other ON false WHEN MATCHED THEN DELETE
--
-- create table
CREATE TABLE stolen AS SELECT * FROM calls
--
-- create temporary table
CREATE TEMP TABLE stolen AS SELECT * FROM calls
--
-- create view
CREATE VIEW stolen AS SELECT * FROM ledger
--
-- create macro
CREATE MACRO f(x) AS x
--
-- create sequence
CREATE SEQUENCE s
--
-- create type
CREATE TYPE t AS ENUM ('a')
--
-- drop
DROP TABLE calls
--
-- alter
ALTER TABLE calls ADD COLUMN x INTEGER
--
-- begin
BEGIN TRANSACTION
--
-- commit
COMMIT
--
-- rollback
ROLLBACK
--
-- prepare
PREPARE p AS SELECT 1
--
-- execute
EXECUTE p
--
-- explain analyze of a change
EXPLAIN ANALYZE DELETE FROM calls
--
-- explain
EXPLAIN SELECT * FROM calls
--
-- describe
DESCRIBE ledger
--
-- show tables
SHOW ALL TABLES
--
-- summarize
SUMMARIZE ledger
--
-- describe in a subquery
SELECT * FROM (DESCRIBE ledger)
--
-- summarize in a subquery
SELECT * FROM (SUMMARIZE ledger)
--
-- two statements
SELECT 1; SELECT 2
--
-- a statement behind a statement
SELECT 1; DROP TABLE calls
--
-- a statement in front
SET threads = 8; SELECT 1
--
-- closing the wrapping parenthesis
SELECT 1) TO '/tmp/stolen.csv'; --
--
-- insert in a with
WITH t AS (INSERT INTO calls SELECT * FROM calls RETURNING *) SELECT * FROM t
--
-- delete in a with
WITH t AS (DELETE FROM calls RETURNING *) SELECT count(*) FROM t
--
-- update in a with
WITH t AS (UPDATE calls SET caller = 'x' RETURNING *) SELECT count(*) FROM t
--
-- delete in a with of a subquery
SELECT (WITH t AS (DELETE FROM calls RETURNING *) SELECT count(*) FROM t)
--
-- pivot
PIVOT calls ON vendor USING count(*)
--
-- pivot in from
SELECT * FROM (PIVOT calls ON vendor USING count(*))
--
-- unpivot
UNPIVOT calls ON duration, queued INTO NAME n VALUE v
--
-- read_csv
SELECT * FROM read_csv('/etc/passwd')
--
-- read_csv_auto
SELECT * FROM read_csv_auto('/etc/passwd')
--
-- read_text
SELECT * FROM read_text('/etc/passwd')
--
-- read_blob of the file itself
SELECT * FROM read_blob('snapshots/latest.duckdb')
--
-- read_json
SELECT * FROM read_json('/proc/self/environ')
--
-- read_parquet
SELECT * FROM read_parquet('https://example.com/x.parquet')
--
-- parquet_metadata
SELECT * FROM parquet_metadata('/tmp/x.parquet')
--
-- sniff_csv
SELECT * FROM sniff_csv('/etc/passwd')
--
-- glob
SELECT * FROM glob('/etc/*')
--
-- a file as a table
SELECT * FROM '/etc/passwd.csv'
--
-- a file as a table in a subquery
SELECT (SELECT count(*) FROM '/etc/passwd.csv')
--
-- an address as a table
FROM 'https://example.com/x.parquet'
--
-- a quoted file as a table
SELECT * FROM "/proc/self/environ"
--
-- query()
SELECT * FROM query('SELECT * FROM ledger')
--
-- query_table()
SELECT * FROM query_table('ledger')
--
-- query_table() of several
SELECT * FROM query_table(['calls', 'ledger'])
--
-- json_execute_serialized_sql
SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM ledger'))
--
-- the plan of a hidden table
SELECT json_serialize_plan('SELECT * FROM ledger')
--
-- settings
SELECT * FROM duckdb_settings()
--
-- secrets
SELECT * FROM duckdb_secrets()
--
-- functions
SELECT * FROM duckdb_functions()
--
-- tables by function
SELECT * FROM duckdb_tables()
--
-- tables by view
SELECT * FROM duckdb_tables
--
-- information_schema
SELECT * FROM information_schema.tables
--
-- pg_catalog
SELECT * FROM pg_catalog.pg_tables
--
-- sqlite_master
SELECT sql FROM sqlite_master
--
-- pragma as a function
SELECT * FROM pragma_database_list()
--
-- storage information
SELECT * FROM pragma_storage_info('ledger')
--
-- the log of queries
SELECT * FROM duckdb_logs()
--
-- memory
SELECT * FROM duckdb_memory()
--
-- temporary files
SELECT * FROM duckdb_temporary_files()
--
-- a checkpoint as a table
SELECT * FROM checkpoint()
--
-- the ledger
SELECT * FROM ledger
--
-- the ledger with its schema
SELECT * FROM main.ledger
--
-- a published table with a schema
SELECT * FROM main.calls
--
-- a published table with a database
SELECT * FROM hot.main.calls
--
-- another database
SELECT * FROM system.main.duckdb_settings
--
-- the cursors in a join
SELECT * FROM calls JOIN cursors ON true
--
-- meta in an EXISTS
SELECT 1 WHERE EXISTS (SELECT * FROM meta)
--
-- meta in an IN
SELECT 1 WHERE 1 IN (SELECT schema_version FROM meta)
--
-- the ledger in ORDER BY
SELECT 1 ORDER BY (SELECT count(*) FROM ledger)
--
-- the ledger in LIMIT
SELECT 1 LIMIT (SELECT count(*) FROM ledger)
--
-- the ledger in a FILTER
SELECT count(*) FILTER (WHERE (SELECT count(*) FROM ledger) > 0) FROM calls
--
-- the ledger in a window
SELECT count(*) OVER (ORDER BY (SELECT count(*) FROM ledger)) FROM calls
--
-- the ledger in a lambda
SELECT list_transform([1], lambda x: x + (SELECT count(*) FROM ledger))
--
-- the ledger in a lateral join
SELECT * FROM calls, LATERAL (SELECT * FROM ledger)
--
-- the ledger in the argument of a table function
SELECT * FROM range((SELECT count(*) FROM ledger))
--
-- the ledger behind UNION
SELECT 'a' UNION ALL SELECT segment FROM ledger
--
-- the ledger behind EXCEPT
SELECT 'a' EXCEPT (SELECT 'b' UNION SELECT segment FROM ledger)
--
-- the ledger in VALUES
VALUES ((SELECT count(*) FROM ledger))
--
-- the ledger as TABLE
TABLE ledger
--
-- the ledger in capitals
SELECT * FROM LEDGER
--
-- the ledger in quotes
SELECT * FROM "Ledger"
--
-- the ledger by a WITH of its name
WITH ledger AS (SELECT * FROM ledger) SELECT * FROM ledger
--
-- the ledger by a materialized WITH of its name
WITH ledger AS MATERIALIZED (SELECT * FROM ledger) SELECT * FROM ledger
--
-- the ledger by a recursive WITH of its name
WITH RECURSIVE ledger AS (SELECT segment FROM ledger UNION ALL SELECT segment FROM ledger) SELECT * FROM ledger
--
-- the ledger by a WITH that ends before
SELECT * FROM (WITH ledger AS (SELECT 1 AS segment) SELECT * FROM ledger) UNION ALL SELECT segment FROM ledger
--
-- the ledger by a WITH that comes later
WITH a AS (SELECT * FROM ledger), ledger AS (SELECT 1) SELECT * FROM a
--
-- the ledger by a WITH within a WITH
WITH a AS (WITH ledger AS (SELECT 1 AS x) SELECT * FROM ledger) SELECT * FROM a, ledger
--
-- time travel
SELECT * FROM calls AT (VERSION => 1)
--
-- the environment
SELECT getenv('PATH')
--
-- a setting
SELECT current_setting('temp_directory')
--
-- a variable
SELECT getvariable('x')
--
-- the state of random
SELECT setseed(0.5)
--
-- a sequence
SELECT nextval('s')
--
-- sleeping
SELECT sleep_ms(100000)
--
-- the log
SELECT write_log('written')
--
-- a function with its schema
SELECT system.main.write_log('written')
--
-- a parameter
SELECT ?
--
-- a numbered parameter
SELECT $1
--
-- nothing
;
--
-- a comment
/* SELECT 1 */
--
-- Python's variables
SELECT * FROM question
--
-- a sealed day by its file
SELECT * FROM read_parquet('archive/calls/day=2026-11-22/part-1.parquet')
--
-- a sealed day named as a table
SELECT * FROM 'archive/calls/day=2026-11-22/part-1.parquet'
--
-- all sealed days
SELECT * FROM read_parquet('archive/*/*/*.parquet', hive_partitioning = true)
--
-- sealed days, scanned
SELECT * FROM parquet_scan(['archive/calls/day=2026-11-22/part-1.parquet'])
--
-- a file's metadata
SELECT * FROM parquet_metadata('archive/calls/day=2026-11-22/part-1.parquet')
--
-- a file's own words
SELECT * FROM parquet_kv_metadata('archive/calls/day=2026-11-22/part-1.parquet')
--
-- a file's schema
SELECT * FROM parquet_schema('archive/calls/day=2026-11-22/part-1.parquet')
--
-- the names of sealed days
SELECT * FROM glob('archive/**')
--
-- the list of sealed files
SELECT * FROM sealed_files
--
-- the hot table behind a view
SELECT * FROM hot_calls
--
-- a sealed day written over
COPY (SELECT 1 AS ts) TO 'archive/calls/day=2026-11-22/part-1.parquet' (FORMAT parquet)
--
-- a sealed day added
COPY calls TO 'archive/calls/day=2026-11-22/part-2.parquet' (FORMAT parquet)
--
-- sealed days, by partition
COPY calls TO 'archive' (FORMAT parquet, PARTITION_BY (integration), OVERWRITE_OR_IGNORE)
--
-- other paths allowed
SET allowed_paths = ['/']
