-- Version 9: how long after its detection a failure was delivered. NULL in rows written before.

ALTER TABLE delivery_attempts ADD COLUMN since_detection DOUBLE;
