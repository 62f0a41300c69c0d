-- Version 10: where a traced call went. Empty in rows of calls that are not traced, NULL in those written before.

ALTER TABLE calls ADD COLUMN method VARCHAR;
ALTER TABLE calls ADD COLUMN server VARCHAR;
