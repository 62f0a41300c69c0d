-- Version 5: how late a webhook came, and how many before it never came. NULL in rows written before.

ALTER TABLE webhook_receipts ADD COLUMN lag DOUBLE;
ALTER TABLE webhook_receipts ADD COLUMN missing BIGINT;
