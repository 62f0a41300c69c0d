-- Version 2: what a check over a connection of its own tells.

ALTER TABLE check_results ADD COLUMN phases
    STRUCT(dns DOUBLE, "connect" DOUBLE, tls DOUBLE, first_byte DOUBLE, transfer DOUBLE);
ALTER TABLE check_results ADD COLUMN certificate_ends_at TIMESTAMP;
