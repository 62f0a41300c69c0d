-- Vendors of integrations that are, or were, in the configuration.
-- @column vendor VARCHAR The vendor's id.
-- @column vendor_name VARCHAR The vendor's name.
-- @column integrations BIGINT How many integrations of it are configured now.
-- @column first_seen TIMESTAMP When the first was in the configuration (UTC).

WITH named AS (
    SELECT vendor, max_by(vendor_name, valid_from) AS vendor_name, min(valid_from) AS first_seen
    FROM declared_vendors
    GROUP BY vendor
), counted AS (
    SELECT vendor, count(*) AS integrations
    FROM declared_integrations
    WHERE valid_to IS NULL
    GROUP BY vendor
)
SELECT vendor, vendor_name, coalesce(integrations, 0) AS integrations, first_seen
FROM named
LEFT JOIN counted USING (vendor)
