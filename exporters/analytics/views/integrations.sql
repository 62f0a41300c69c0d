-- Integrations as the configuration has them, or had them last.
-- @column integration VARCHAR The integration's id.
-- @column vendor VARCHAR The vendor's id.
-- @column team VARCHAR Who owns it, as its labels say.
-- @column environment VARCHAR Where it runs, as its labels say.
-- @column tier VARCHAR How much depends on it, as its labels say.
-- @column region VARCHAR Where what it calls is, as its labels say.
-- @column currency VARCHAR What its price is in; empty when none is declared.
-- @column per_call DOUBLE What a call costs; NULL when nothing is declared.
-- @column is_configured BOOLEAN Whether the configuration in effect holds it.
-- @column first_seen TIMESTAMP When it was first in the configuration (UTC).
-- @column changed_at TIMESTAMP When what stands here last changed, or it was removed (UTC).

SELECT
    integration,
    max_by(vendor, valid_from) AS vendor,
    max_by(team, valid_from) AS team,
    max_by(environment, valid_from) AS environment,
    max_by(tier, valid_from) AS tier,
    max_by(region, valid_from) AS region,
    max_by(currency, valid_from) AS currency,
    (max_by({'price': per_call}, valid_from)).price AS per_call,
    bool_or(valid_to IS NULL) AS is_configured,
    min(valid_from) AS first_seen,
    max(coalesce(valid_to, valid_from)) AS changed_at
FROM declared_integrations
GROUP BY integration
