-- Version 6: which credential a notice is about, and when it ends. NULL in rows written before.

ALTER TABLE credential_notices ADD COLUMN credential VARCHAR;
ALTER TABLE credential_notices ADD COLUMN expires_at TIMESTAMP;
