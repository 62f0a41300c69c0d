-- What configured integrations can do: their capabilities, and the actions that belong to each.
-- @column integration VARCHAR The integration's id.
-- @column vendor VARCHAR The vendor's id.
-- @column capability VARCHAR A group of the vendor's actions, which is checked and broken off on its own.
-- @column actions VARCHAR[] Its actions.

SELECT integration, vendor, one.capability AS capability, one.actions AS actions
FROM (
    SELECT integration, vendor, unnest(capabilities) AS one
    FROM declared_integrations
    WHERE valid_to IS NULL
)
