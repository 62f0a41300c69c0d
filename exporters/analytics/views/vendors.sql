-- Vendors of integrations that are, or were, in the configuration.
-- @column vendor VARCHAR The vendor's id.
-- @column vendor_name VARCHAR The vendor's name.
-- @column integrations BIGINT How many integrations of it are configured now.
-- @column first_seen TIMESTAMP When the first was in the configuration (UTC).

SELECT
    vendor,
    max_by(vendor_name, changed_at) AS vendor_name,
    count(*) FILTER (WHERE is_configured) AS integrations,
    min(first_seen) AS first_seen
FROM integrations
GROUP BY vendor
